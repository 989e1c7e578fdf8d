/* A directory on disk as a tree of the store, with everything a mount is to show again. */
#ifndef SCAN_H
#define SCAN_H

#include <msb/digest.h>
#include <msb/error.h>
#include <msb/store.h>

#include "store_writer.h"

int scan_directory(struct msb_store *store, struct store_writer *writer, const char *path,
		   struct msb_digest *ret, struct msb_error *err);

#endif
