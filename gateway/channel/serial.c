/* SPDX-License-Identifier: Apache-2.0 */
/* Serial ports through termios and the kernel's RS-485 mode. Nothing here waits: not for carrier,
 * not for what is left to send. */
#include "gateway/channel/serial.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/serial.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static speed_t speed_of(uint32_t baud)
{
    switch (baud) {
#define X(number)                                                                                  \
    case number:                                                                                   \
        return B##number;
        GW_SERIAL_SPEED_MAP(X)
#undef X
    default:
        return B0;
    }
}

static tcflag_t character_flags(const struct gw_serial_config *config)
{
    static const tcflag_t sizes[] = {CS5, CS6, CS7, CS8};
    tcflag_t flags = CREAD | CLOCAL | sizes[config->data - 5];
    if (config->parity != GW_PARITY_NONE)
        flags |= PARENB;
    if (config->parity == GW_PARITY_ODD)
        flags |= PARODD;
    if (config->stop == 2)
        flags |= CSTOPB;
    if (config->flow == GW_FLOW_HARDWARE)
        flags |= CRTSCTS;
    return flags;
}

/* Raw, and without HUPCL: closing leaves the modem lines alone. A character of wrong parity is left
 * out; the frame's CRC does the rest. */
static bool set_line(int fd, const struct gw_serial_config *config)
{
    struct termios line;
    speed_t speed = speed_of(config->baud);
    if (tcgetattr(fd, &line) != 0)
        return false;
    cfmakeraw(&line);
    line.c_cflag = character_flags(config);
    line.c_iflag = IGNBRK | (config->parity != GW_PARITY_NONE ? INPCK | IGNPAR : 0) |
                   (config->flow == GW_FLOW_SOFTWARE ? IXON | IXOFF : 0);
    line.c_cc[VMIN] = 1; /* a read of 0 octets then means that the port has gone */
    line.c_cc[VTIME] = 0;
    cfsetispeed(&line, speed);
    cfsetospeed(&line, speed);
    if (tcsetattr(fd, TCSANOW, &line) != 0 || tcgetattr(fd, &line) != 0)
        return false;
    if (cfgetospeed(&line) == speed)
        return true;
    errno = EINVAL; /* tcsetattr is content with a part of what was asked for */
    return false;
}

static bool set_rs485(int fd)
{
    struct serial_rs485 mode = {.flags = SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND};
    return ioctl(fd, TIOCSRS485, &mode) == 0;
}

static int fail(int fd, struct gw_serial_error *error, const char *what)
{
    *error = (struct gw_serial_error){.what = what, .code = errno};
    if (fd >= 0)
        close(fd);
    return -1;
}

int gw_serial_open(const struct gw_serial_config *config, struct gw_serial_error *error,
                   const char **lacks)
{
    *lacks = NULL;
    int fd = open(config->device, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return fail(fd, error, "cannot be opened");
    /* TIOCEXCL does not keep root out: the lock does, where the other asks for it. */
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return fail(fd, error, "is in use by another program");
    if (!isatty(fd))
        return fail(fd, error, "is no serial port");
    if (ioctl(fd, TIOCEXCL) != 0 || !set_line(fd, config))
        return fail(fd, error, "does not take these settings");
    if (config->rs485 && !set_rs485(fd))
        *lacks =
            "the port has no RS-485 mode: RTS is not driven, the adapter must switch by itself";
    tcflush(fd, TCIOFLUSH);
    return fd;
}

void gw_serial_close(int fd)
{
    tcflush(fd, TCIOFLUSH);
    ioctl(fd, TIOCNXCL);
    close(fd);
}
