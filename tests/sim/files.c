/* SPDX-License-Identifier: Apache-2.0 */
/* Files of simulated outstations: a folder that all of them serve (--files). Names are walked one
 * component at a time from that folder; what begins with a dot, and every symbolic link, is
 * refused, so no name leads out of it. What is written goes to a hidden file until the master
 * closes it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "tests/sim/sim.h"

/* A listing is a snapshot, bounded. */
enum { NAME_ROOM = 256, ENTRY_MAX = 20 + NAME_ROOM, ENTRIES_MAX = 10000, SHOWN_MAX = 80 };

struct sim_file {
    int fd;     /* -1: a directory */
    int folder; /* where a file that is written appears when it is closed; else -1 */
    char name[NAME_ROOM];
    char hidden[NAME_ROOM];
    off_t base; /* of a file that is appended to: its octets before */
    uint8_t *listing;
    size_t length;
};

static enum dnp3_file_status status_of_errno(void)
{
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
        return DNP3_FILE_STATUS_NOT_FOUND;
    case EACCES:
    case EPERM:
    case ELOOP: /* a symbolic link */
    case EISDIR:
    case EROFS:
    case ENOTEMPTY:
        return DNP3_FILE_STATUS_PERMISSION_DENIED;
    default:
        return DNP3_FILE_STATUS_UNDEFINED;
    }
}

/* Takes the first component off a path that has one, into `name`. False: it must not be followed.
 */
static bool take_component(struct dnp3_file_string *path, char name[NAME_ROOM])
{
    size_t length = 0;
    while (length < path->length && path->octets[length] != '/')
        length++;
    if (length == 0 || length >= NAME_ROOM || path->octets[0] == '.' ||
        memchr(path->octets, '\0', length))
        return false;
    memcpy(name, path->octets, length);
    name[length] = '\0';
    length += length < path->length; /* the slash */
    path->octets += length;
    path->length = (uint16_t)(path->length - length);
    return true;
}

/* The folder itself, as masters name it. */
static bool is_root(struct dnp3_file_string path)
{
    return path.length == 0 ||
           (path.length == 1 && (path.octets[0] == '/' || path.octets[0] == '.'));
}

/* Walks to the folder of a path's last component, which is put into `name`; "." for the root
 * itself. The folder is the caller's to close. */
static enum dnp3_file_status walk(int root, struct dnp3_file_string path, int *folder,
                                  char name[NAME_ROOM])
{
    int at = openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    snprintf(name, NAME_ROOM, ".");
    if (is_root(path))
        path.length = 0;
    while (at >= 0 && path.length) {
        int next = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); /* first "." */
        close(at);
        at = next;
        if (at >= 0 && !take_component(&path, name)) {
            close(at);
            return DNP3_FILE_STATUS_PERMISSION_DENIED;
        }
    }
    *folder = at;
    return at < 0 ? status_of_errno() : DNP3_FILE_STATUS_SUCCESS;
}

static int64_t milliseconds(struct timespec time)
{
    int64_t ms = (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
    return ms > 0 ? ms : 0;
}

static uint32_t narrow(off_t size)
{
    return size < 0 ? 0 : size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
}

static int is_served(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static uint32_t count_entries(int folder, const char *name)
{
    uint32_t count = 0;
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (!directory)
        return 0;
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += is_served(entry) != 0;
    closedir(directory);
    return count;
}

/* False for what is neither a file nor a directory. */
static bool describe(int folder, const char *name, struct dnp3_file_descriptor *descriptor)
{
    struct stat found;
    if (fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW))
        return false;
    bool directory = S_ISDIR(found.st_mode);
    if (!directory && !S_ISREG(found.st_mode)) {
        errno = EACCES;
        return false;
    }
    descriptor->type = directory ? DNP3_FILE_TYPE_DIRECTORY : DNP3_FILE_TYPE_FILE;
    descriptor->size = directory ? count_entries(folder, name) : narrow(found.st_size);
    descriptor->created_ms = milliseconds(found.st_mtim);
    descriptor->permissions = found.st_mode & DNP3_FILE_PERMISSIONS;
    return true;
}

static void list_entry(struct sim_file *file, int folder, const char *name)
{
    struct dnp3_file_descriptor descriptor = {
        .name = {(const uint8_t *)name, (uint16_t)strlen(name)}};
    struct dnp3_writer out = dnp3_writer_of(file->listing + file->length, ENTRY_MAX);
    if (describe(folder, name, &descriptor) && dnp3_file_descriptor_write(&out, &descriptor) == 0)
        file->length += dnp3_writer_length(&out);
}

/* Lists a directory in the order of names, so that it is the same each time. */
static enum dnp3_file_status list(struct sim_file *file, int folder, const char *name,
                                  uint32_t *size)
{
    struct dirent **entries;
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return status_of_errno();
    int count = scandirat(fd, ".", &entries, is_served, alphasort);
    if (count < 0) {
        close(fd);
        return status_of_errno();
    }
    if (count <= ENTRIES_MAX)
        file->listing = gw_memory_allocate(GW_OWNER_OUTSTATIONS, (size_t)count * ENTRY_MAX + 1);
    for (int i = 0; i < count; i++) {
        if (file->listing)
            list_entry(file, fd, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    close(fd);
    *size = (uint32_t)count;
    return file->listing ? DNP3_FILE_STATUS_SUCCESS : DNP3_FILE_STATUS_UNDEFINED;
}

static enum dnp3_file_status open_to_read(struct sim_file *file, int folder, const char *name,
                                          uint32_t *size)
{
    struct stat found;
    file->fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file->fd < 0)
        return status_of_errno();
    if (fstat(file->fd, &found) == 0 && S_ISREG(found.st_mode)) {
        *size = narrow(found.st_size);
        return DNP3_FILE_STATUS_SUCCESS;
    }
    close(file->fd);
    file->fd = -1;
    return S_ISDIR(found.st_mode) ? list(file, folder, name, size)
                                  : DNP3_FILE_STATUS_PERMISSION_DENIED;
}

/* What is there already stays as it is until the new octets are whole. */
static enum dnp3_file_status open_to_write(struct sim_file *file, int folder, const char *name,
                                           uint16_t permissions)
{
    static unsigned serial;
    struct stat found;
    bool there = fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) == 0;
    if (there && !S_ISREG(found.st_mode))
        return DNP3_FILE_STATUS_PERMISSION_DENIED;
    snprintf(file->name, NAME_ROOM, "%s", name);
    snprintf(file->hidden, NAME_ROOM, ".dnp3-sim-%ld-%u", (long)getpid(), ++serial);
    mode_t mode = permissions & 0666 ? permissions & 0666 : 0644;
    file->fd =
        openat(folder, file->hidden, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (file->fd < 0)
        return status_of_errno();
    file->folder = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return file->folder < 0 ? status_of_errno() : DNP3_FILE_STATUS_SUCCESS;
}

/* Appending begins with a copy of what is there. */
static enum dnp3_file_status copy_old(struct sim_file *file)
{
    uint8_t octets[4096];
    ssize_t got = 0;
    int old = openat(file->folder, file->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (old < 0)
        return errno == ENOENT ? DNP3_FILE_STATUS_SUCCESS : status_of_errno();
    while ((got = read(old, octets, sizeof octets)) > 0 &&
           write(file->fd, octets, (size_t)got) == got)
        file->base += got;
    close(old);
    return got == 0 ? DNP3_FILE_STATUS_SUCCESS : DNP3_FILE_STATUS_UNDEFINED;
}

/* Closes what is open; what was written goes. */
static void discard(struct sim_file *file)
{
    if (file->folder >= 0) {
        unlinkat(file->folder, file->hidden, 0);
        close(file->folder);
    }
    if (file->fd >= 0)
        close(file->fd);
    gw_memory_release(file->listing);
    gw_memory_release(file);
}

/* A key opens or deletes once, where keys are asked for at all. */
static bool is_allowed(struct sim_outstation *outstation, uint32_t key)
{
    bool allowed = !outstation->sim->options.files_user || (key && key == outstation->file_key);
    outstation->file_key = 0;
    return allowed;
}

/* Names come from the line: what is no printable character shows as a question mark. */
static void tell(const struct sim_outstation *outstation, const char *what,
                 struct dnp3_file_string name, enum dnp3_file_status status)
{
    const char *text = dnp3_file_status_name((uint8_t)status);
    char shown[SHOWN_MAX + 1] = "";
    for (size_t i = 0; i < name.length && i < SHOWN_MAX; i++)
        shown[i] = (char)(name.octets[i] < ' ' || name.octets[i] > '~' ? '?' : name.octets[i]);
    gw_log(GW_LOG_INFO, outstation->config->name, "file %s: %s: %s", shown, what,
           text ? text : "?");
}

static enum dnp3_file_status open_file(void *user, const struct dnp3_file_command *command,
                                       void **opened, uint32_t *size)
{
    static const char *const modes[] = {"", "read", "write", "append"};
    struct sim_outstation *outstation = user;
    char name[NAME_ROOM];
    int folder;
    enum dnp3_file_status status = DNP3_FILE_STATUS_PERMISSION_DENIED;
    struct sim_file *file = gw_memory_allocate(GW_OWNER_OUTSTATIONS, sizeof *file);
    if (!file)
        return DNP3_FILE_STATUS_UNDEFINED;
    file->fd = -1;
    file->folder = -1;
    if (is_allowed(outstation, command->key))
        status = walk(outstation->sim->files, command->name, &folder, name);
    if (status == DNP3_FILE_STATUS_SUCCESS) {
        status = command->mode == DNP3_FILE_MODE_READ
                     ? open_to_read(file, folder, name, size)
                     : open_to_write(file, folder, name, command->permissions);
        close(folder);
    }
    if (status == DNP3_FILE_STATUS_SUCCESS && command->mode == DNP3_FILE_MODE_APPEND)
        status = copy_old(file);
    tell(outstation, modes[command->mode], command->name, status);
    if (status != DNP3_FILE_STATUS_SUCCESS)
        discard(file);
    *opened = file;
    return status;
}

static enum dnp3_file_status read_file(void *user, void *opened, uint64_t position,
                                       struct dnp3_writer *block, bool *last)
{
    (void)user;
    const struct sim_file *file = opened;
    size_t room = dnp3_writer_left(block);
    if (file->listing) {
        size_t left = position < file->length ? file->length - (size_t)position : 0;
        dnp3_writer_octets(block, file->listing + (file->length - left), left < room ? left : room);
        *last = left <= room;
        return DNP3_FILE_STATUS_SUCCESS;
    }
    struct stat now;
    ssize_t got = pread(file->fd, block->at, room, (off_t)position);
    if (got < 0 || fstat(file->fd, &now))
        return DNP3_FILE_STATUS_FATAL;
    dnp3_writer_reserve(block, (size_t)got);
    *last = (off_t)position + got >= now.st_size;
    return DNP3_FILE_STATUS_SUCCESS;
}

static enum dnp3_file_status write_file(void *user, void *opened, uint64_t position,
                                        const uint8_t *octets, size_t length, bool last)
{
    (void)user;
    (void)last;
    const struct sim_file *file = opened;
    ssize_t put = pwrite(file->fd, octets, length, file->base + (off_t)position);
    return put == (ssize_t)length ? DNP3_FILE_STATUS_SUCCESS : DNP3_FILE_STATUS_FATAL;
}

static enum dnp3_file_status close_file(void *user, void *opened, bool keep)
{
    struct sim_outstation *outstation = user;
    struct sim_file *file = opened;
    enum dnp3_file_status status = DNP3_FILE_STATUS_SUCCESS;
    if (keep && file->folder >= 0 && renameat(file->folder, file->hidden, file->folder, file->name))
        status = status_of_errno();
    if (!keep)
        gw_log(GW_LOG_INFO, outstation->config->name, "a file was given up");
    discard(file);
    return status;
}

static enum dnp3_file_status remove_file(void *user, const struct dnp3_file_command *command)
{
    struct sim_outstation *outstation = user;
    struct dnp3_file_descriptor descriptor;
    char name[NAME_ROOM];
    int folder;
    enum dnp3_file_status status = DNP3_FILE_STATUS_PERMISSION_DENIED;
    if (is_allowed(outstation, command->key))
        status = walk(outstation->sim->files, command->name, &folder, name);
    if (status == DNP3_FILE_STATUS_SUCCESS) {
        bool removed = describe(folder, name, &descriptor) && unlinkat(folder, name, 0) == 0;
        status = removed ? status : status_of_errno();
        close(folder);
    }
    tell(outstation, "delete", command->name, status);
    return status;
}

static enum dnp3_file_status file_info(void *user, struct dnp3_file_string path,
                                       struct dnp3_file_descriptor *descriptor)
{
    const struct sim_outstation *outstation = user;
    char name[NAME_ROOM];
    int folder;
    enum dnp3_file_status status = walk(outstation->sim->files, path, &folder, name);
    if (status != DNP3_FILE_STATUS_SUCCESS)
        return status;
    if (!describe(folder, name, descriptor))
        status = status_of_errno();
    close(folder);
    return status;
}

/* "USER:PASSWORD", octet by octet. */
static uint32_t authenticate(void *user, struct dnp3_file_string name,
                             struct dnp3_file_string password)
{
    struct sim_outstation *outstation = user;
    const char *known = outstation->sim->options.files_user;
    size_t length = known ? strlen(known) : 0;
    bool right = known && length == (size_t)name.length + 1 + password.length &&
                 memcmp(known, name.octets, name.length) == 0 && known[name.length] == ':' &&
                 memcmp(known + name.length + 1, password.octets, password.length) == 0;
    outstation->file_key = 0;
    while (right && !outstation->file_key)
        if (getrandom(&outstation->file_key, sizeof outstation->file_key, 0) < 0)
            return 0;
    return outstation->file_key;
}

const struct dnp3_outstation_files sim_files = {.authenticate = authenticate,
                                                .open = open_file,
                                                .read = read_file,
                                                .write = write_file,
                                                .close = close_file,
                                                .remove = remove_file,
                                                .info = file_info};

int sim_files_start(struct sim *sim)
{
    sim->files = -1;
    if (!sim->options.files)
        return 0;
    sim->files = open(sim->options.files, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (sim->files < 0)
        gw_log(GW_LOG_ERROR, "sim", "%s: %s", sim->options.files, strerror(errno));
    return sim->files < 0 ? -1 : 0;
}

void sim_files_stop(struct sim *sim)
{
    if (sim->files >= 0)
        close(sim->files);
}
