#include "hosts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <msb/cleanup.h>

#define LONGEST_NAME 64 /* as the kernel has it */

static bool is_host_name(const char *text, size_t length)
{
	size_t good = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789-._");

	return length > 0 && length <= good;
}

/* In the system's spelling. Commands share the host's network: its own address reaches it. */
static bool read_address(const char *text, char ret[INET6_ADDRSTRLEN])
{
	size_t length = strlen(text);
	bool bracketed = *text == '[' && text[length - 1] == ']';
	autofree char *bare = bracketed ? strndup(text + 1, length - 2) : strdup(text);
	struct in6_addr address;

	if (bare && strcmp(bare, "host-gateway") == 0)
		return strcpy(ret, "127.0.0.1");
	for (int family = AF_INET;; family = AF_INET6) {
		if (bare && inet_pton(family, bare, &address) == 1)
			return inet_ntop(family, &address, ret, INET6_ADDRSTRLEN);
		if (!bare || family == AF_INET6)
			return false;
	}
}

int hosts_write(const char *const *words, const char *name, struct buffer *ret,
		struct msb_error *err)
{
	char address[INET6_ADDRSTRLEN];

	if (!is_host_name(name, strlen(name)) || strlen(name) > LONGEST_NAME)
		return msb_error_say(err, EINVAL,
				     "'%.100s' is no host name; use letters, digits, '-' and '.'",
				     name);
	buffer_printf(ret, "127.0.0.1\tlocalhost %s\n::1\tlocalhost ip6-localhost ip6-loopback\n",
		      name);
	for (; words && *words; words++) {
		size_t length = strcspn(*words, "=:");

		if (!(*words)[length] || !is_host_name(*words, length) ||
		    !read_address(*words + length + 1, address))
			return msb_error_say(err, EINVAL,
					     "--add-host %s: expected HOST:ADDRESS; write such as "
					     "db:10.0.0.7 or host.docker.internal:host-gateway",
					     *words);
		buffer_printf(ret, "%s\t%.*s\n", address, (int)length, *words);
	}
	return buffer_ok(ret) ? 0 : msb_error_memory(err);
}
