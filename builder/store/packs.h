/*
 * Packs, as their readers see them: what their bytes mean, and descriptors that stay open.
 *
 * A pack is a header, then records one behind the other, each a multiple of 8 bytes long:
 *
 *     header   "msbpack\0", version u32, number of the pack u32
 *     record   "BLOB", sum of the blob u32 (sum.h; 0: not known), its size u64, its digest
 *              (32 bytes), the blob, zeros up to the next multiple of 8
 *
 * in little-endian order. So an index can be made anew from the packs alone.
 */
#ifndef PACKS_H
#define PACKS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <msb/error.h>

#define PACK_MAGIC       "msbpack"
#define PACK_VERSION     1
#define PACK_HEADER      16
#define PACK_BLOB_MAGIC  "BLOB"
#define PACK_BLOB_HEADER 48

/* "packs/0123abcd.pack", beneath the root. */
#define PACK_NAME 32
const char *pack_name(uint32_t id, char name[PACK_NAME]);

/* Descriptors of the packs read last. */
#define PACKS_OPEN 128
struct packs {
	void (*before_wait)(
		void *context); /* see msb_store_set_before_wait(); NULL: nobody minds */
	void *before_wait_context;
	pthread_rwlock_t lock; /* held for reading while a descriptor is in use */
	struct {
		uint32_t id; /* 0: none */
		int fd;
		atomic_uint_fast64_t wanted;  /* where packs_read_on() read last */
		atomic_uint_fast64_t fetched; /* how far the kernel was asked to read */
	} open[PACKS_OPEN];                   /* at id % PACKS_OPEN */
};

int packs_init(struct packs *packs);
void packs_done(struct packs *packs);
/* Exactly size bytes, or a negative code; -EBADMSG when the pack lacks them, -ENOENT without a
 * message when there is no such pack: a collection took it away, or damage did. */
int packs_read(struct packs *packs, int root, uint32_t id, void *bytes, size_t size,
	       uint64_t offset, struct msb_error *err);
/* As io_pread(), of any file: tells first when that means to wait for the disk. */
ssize_t packs_read_file(const struct packs *packs, int fd, void *bytes, size_t size,
			uint64_t offset);
/* The sum in the record of the blob that begins at offset. */
int packs_read_sum(struct packs *packs, int root, uint32_t id, uint64_t offset, uint32_t *ret,
		   struct msb_error *err);
/* As packs_read(), for somebody who goes through a pack with small steps forward: the kernel is
 * asked to have ready what lies ahead. Also reads up to `more` bytes behind, if they are there; in
 * bytes is room for them. Returns how many there were. */
ssize_t packs_read_on(struct packs *packs, int root, uint32_t id, void *bytes, size_t size,
		      size_t more, uint64_t offset, struct msb_error *err);

#endif
