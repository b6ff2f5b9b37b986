/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords stand in files of their own: they are in no configuration that somebody shows around.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/config/config_loader.h"

enum { PASSWORD_MAX = 16 * 1024 }; /* tokens that serve as passwords take a few kilobytes */

const char *gw_loader_password(struct gw_loader *loader, const struct gw_json_file *file,
                               const struct gw_json_path *path, const char *name)
{
    char text[PASSWORD_MAX];
    size_t length = 0;
    char *full = gw_json_file_sibling(file, name);
    errno = ENOENT;
    FILE *in = full && !loader->texts ? fopen(full, "re") : NULL;
    if (!in) {
        gw_json_error(file, path, "cannot read the password's file: %s", strerror(errno));
    } else {
        length = fread(text, 1, sizeof text, in);
        fclose(in);
    }
    gw_memory_release(full);
    if (!in)
        return NULL;
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r'))
        length--;
    if (length == 0 || length == sizeof text || memchr(text, '\0', length)) {
        gw_json_error(file, path, "the password's file must have one line of text");
        return NULL;
    }
    const char *copy = gw_arena_copy(loader->arena, text, length);
    explicit_bzero(text, sizeof text);
    return copy;
}
