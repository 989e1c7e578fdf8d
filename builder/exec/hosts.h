/* /etc/hosts as commands see it. */
#ifndef HOSTS_H
#define HOSTS_H

#include <msb/error.h>

#include "buffer.h"

/* What a command's machine is called where nobody says. */
#define HOSTS_NAME "buildkitsandbox"

/*
 * The loopback's names, name among them, and those that the words give: "NAME:ADDRESS" or
 * "NAME=ADDRESS", an IPv6 address also in brackets, or "host-gateway" for the machine that the
 * build runs on. words: NULL-terminated, may be NULL. -EINVAL.
 */
int hosts_write(const char *const *words, const char *name, struct buffer *ret,
		struct msb_error *err);

#endif
