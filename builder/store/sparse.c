#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "sparse.h"

#define BLOCK 4096
#define CHUNK (256 * 1024)

static const uint8_t zeros[BLOCK];

static bool is_zero(const uint8_t *bytes, size_t size)
{
	return memcmp(bytes, zeros, size) == 0;
}

/* Length of the run of blocks at the start that are all zero, or all not. Blocks are those of the
 * file: the first one may be a part. */
static size_t run_length(const uint8_t *bytes, size_t size, uint64_t offset, bool *ret_zero)
{
	size_t done = 0;

	while (done < size) {
		size_t block = BLOCK - (size_t)((offset + done) % BLOCK);
		bool zero;

		if (block > size - done)
			block = size - done;
		zero = is_zero(bytes + done, block);
		if (done == 0)
			*ret_zero = zero;
		if (zero != *ret_zero)
			break;
		done += block;
	}
	return done;
}

int sparse_write(int fd, const void *bytes, size_t size, uint64_t offset)
{
	const uint8_t *rest = bytes;

	while (size > 0) {
		bool zero = false;
		size_t run = run_length(rest, size, offset, &zero);
		int r = zero ? 0 : io_pwrite(fd, rest, run, offset);

		if (r < 0)
			return r;
		rest += run;
		size -= run;
		offset += run;
	}
	return 0;
}

struct copy {
	int from, to;
	bool seekable;
	uint64_t start; /* offset of the first byte in from */
	struct msb_hasher *hasher;
	uint8_t *chunk; /* CHUNK bytes */
};

static void hash_zeros(struct copy *copy, uint64_t size)
{
	while (size > 0) {
		size_t part = size < BLOCK ? (size_t)size : BLOCK;

		msb_hasher_update(copy->hasher, zeros, part);
		size -= part;
	}
}

/* Where data begins and ends at or behind position, of size bytes in all. A file system that
 * cannot tell has no holes. */
static void next_data(const struct copy *copy, uint64_t position, uint64_t size,
		      uint64_t *ret_begin, uint64_t *ret_end)
{
	off_t begin, end;

	*ret_begin = position;
	*ret_end = size;
	if (!copy->seekable)
		return;
	begin = lseek(copy->from, (off_t)(copy->start + position), SEEK_DATA);
	if (begin < 0) {
		if (errno == ENXIO)
			*ret_begin = size;
		return;
	}
	if ((uint64_t)begin - copy->start >= size) {
		*ret_begin = size;
		return;
	}
	*ret_begin = (uint64_t)begin - copy->start;
	end = lseek(copy->from, begin, SEEK_HOLE);
	if (end > begin && (uint64_t)end - copy->start < size)
		*ret_end = (uint64_t)end - copy->start;
}

static int copy_data(struct copy *copy, uint64_t position, uint64_t end, struct msb_error *err)
{
	while (position < end) {
		size_t want = end - position < CHUNK ? (size_t)(end - position) : CHUNK;
		ssize_t n = copy->seekable ? io_pread(copy->from, copy->chunk, want,
						      copy->start + position)
					   : io_read(copy->from, copy->chunk, want);
		int r = 0;

		if (n < 0)
			return msb_error_set(err, (int)n, "read what is to be stored");
		if ((size_t)n < want)
			return msb_error_say(err, EIO,
					     "what is to be stored ends at byte %llu, too early",
					     (unsigned long long)(position + (uint64_t)n));
		msb_hasher_update(copy->hasher, copy->chunk, want);
		if (copy->to >= 0)
			r = sparse_write(copy->to, copy->chunk, want, position);
		if (r < 0)
			return msb_error_set(err, r, "write a large file to the store");
		position += want;
	}
	return 0;
}

static int copy_all(struct copy *copy, uint64_t size, struct msb_error *err)
{
	uint64_t position = 0;

	while (position < size) {
		uint64_t begin, end;
		int r;

		next_data(copy, position, size, &begin, &end);
		hash_zeros(copy, begin - position);
		if (begin == size)
			break;
		r = copy_data(copy, begin, end, err);
		if (r < 0)
			return r;
		position = end;
	}
	if (copy->to >= 0 && ftruncate(copy->to, (off_t)size) < 0)
		return msb_error_set(err, errno, "write a large file to the store");
	return 0;
}

int sparse_copy(int from, uint64_t size, int to, struct msb_digest *ret, struct msb_error *err)
{
	AUTO(msb_hasher_freep) struct msb_hasher *hasher = msb_hasher_new();
	autofree uint8_t *chunk = malloc(CHUNK);
	struct copy copy = {.from = from, .to = to, .hasher = hasher, .chunk = chunk};
	struct stat st;
	off_t start;
	int r;

	if (!hasher || !chunk)
		return msb_error_memory(err);
	if (fstat(from, &st) < 0)
		return msb_error_set(err, errno, "stat what is to be stored");
	start = S_ISREG(st.st_mode) ? lseek(from, 0, SEEK_CUR) : -1;
	copy.seekable = start >= 0;
	copy.start = start >= 0 ? (uint64_t)start : 0;
	if (size > INT64_MAX - copy.start)
		return msb_error_say(err, EFBIG, "what is to be stored is too large");
	/* Behind its end a file looks like a hole. */
	if (copy.seekable && (uint64_t)st.st_size < copy.start + size)
		return msb_error_say(err, EIO, "what is to be stored ends at byte %lld, too early",
				     (long long)st.st_size);
	r = copy_all(&copy, size, err);
	if (r < 0)
		return r;
	if (copy.seekable)
		lseek(from, (off_t)(copy.start + size), SEEK_SET);
	msb_hasher_finish(hasher, ret);
	return 0;
}
