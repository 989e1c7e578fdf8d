/*
 * Files of the web, as ADD and build contexts name them: fetched whole before anybody looks at
 * them.
 */
#ifndef DOWNLOAD_H
#define DOWNLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include <msb/cleanup.h>
#include <msb/error.h>

#include "store_writer.h"
#include "strlist.h"

struct download {
	int fd; /* at the content's beginning; owned; nowhere in any directory */
	uint64_t size;
	int64_t modified; /* as the server says, seconds since 1970; 0: it does not */
	char *etag;       /* as the server says; owned; NULL: it does not */
	bool unchanged;   /* the headers had a condition that says so; then all else is empty */
};
#define DOWNLOAD_NONE                                                                              \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/*
 * Gets an http or https URL into a file of the writer's scratch directory. headers: further ones,
 * NULL for none; who asks is told to the first host alone. Redirects are followed,
 * from https to https only; certificates are verified, also with the authority that the registries'
 * settings name for the host; what fails for a while is tried again. How often, how slow an answer
 * may be, and how large (as large as a layer may be unpacked) the same settings say: see
 * registries.h. Codes as of http_send(); -EREMOTEIO for a status that is not 200.
 */
int download_open(struct store_writer *writer, const char *url, const struct strlist *headers,
		  struct download *ret, struct msb_error *err);
void download_close(struct download *download);
#define autodownload __attribute__((cleanup(download_close))) struct download

#endif
