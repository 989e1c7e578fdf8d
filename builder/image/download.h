/*
 * Files of the web, as ADD and build contexts name them: fetched whole, each time anew, before
 * anybody looks at them.
 */
#ifndef DOWNLOAD_H
#define DOWNLOAD_H

#include <stdint.h>

#include <msb/cleanup.h>
#include <msb/error.h>

#include "store_writer.h"

struct download {
	int fd; /* at the content's beginning; owned; nowhere in any directory */
	uint64_t size;
	int64_t modified; /* as the server says, seconds since 1970; 0: it does not */
};
#define DOWNLOAD_NONE                                                                              \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/*
 * Gets an http or https URL into a file of the writer's scratch directory. Redirects are followed,
 * from https to https only; certificates are verified, also with the authority that the registries'
 * settings name for the host; what fails for a while is tried again. How often, how slow an answer
 * may be, and how large (as large as a layer may be unpacked) the same settings say: see
 * registries.h. Codes as of http_send(); -EREMOTEIO for a status that is not 200.
 */
int download_open(struct store_writer *writer, const char *url, struct download *ret,
		  struct msb_error *err);
void download_close(struct download *download);
#define autodownload __attribute__((cleanup(download_close))) struct download

#endif
