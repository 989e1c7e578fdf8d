/* Bytes with holes: hashing and copying them without touching what is not there. */
#ifndef SPARSE_H
#define SPARSE_H

#include <stddef.h>
#include <stdint.h>

#include <msb/digest.h>
#include <msb/error.h>

/* Writes bytes at offset, leaving out blocks of zeros, which a new file reads as zeros anyhow.
 * The file's size is the caller's to set. 0 or a negative errno value. */
int sparse_write(int fd, const void *bytes, size_t size, uint64_t offset);

/* The digest of size bytes of `from` at its current offset, which moves behind them; they are
 * copied to the start of `to` unless that is -1. `from` may be a pipe.
 * -EIO when it ends early. */
int sparse_copy(int from, uint64_t size, int to, struct msb_digest *ret, struct msb_error *err);

#endif
