/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over every file of the folders named on the command line, without libFuzzer:
 * what fuzzing found once is checked in every build. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 20 }; /* libFuzzer's own default is far below */

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return -1;
    }
    uint8_t *data = malloc(INPUT_MAX);
    size_t size = data != NULL ? fread(data, 1, INPUT_MAX, file) : 0;
    fclose(file);
    if (data == NULL) {
        return -1;
    }
    /* An exact copy, so that the address sanitizer sees a read past the end. */
    uint8_t *exact = malloc(size > 0 ? size : 1);
    if (exact == NULL) {
        free(data);
        return -1;
    }
    for (size_t i = 0; i < size; i++) {
        exact[i] = data[i];
    }
    free(data);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 0;
}

/* Returns how many files were replayed, or -1. A folder that is not there holds none. */
static int replay_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        return 0;
    }
    int count = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char path[4096];
        if (entry->d_name[0] == '.') {
            continue;
        }
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (replay_file(path) != 0) {
            count = -1;
            break;
        }
        count++;
    }
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        int count = replay_folder(argv[i]);
        if (count < 0) {
            return 1;
        }
        total += count;
    }
    printf("%d inputs replayed\n", total);
    return 0;
}
