/* SHA-256 digests as values, and the one way to compute them. */
#ifndef MSB_DIGEST_H
#define MSB_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <msb/cleanup.h>

#define MSB_DIGEST_SIZE 32
#define MSB_DIGEST_HEX  64           /* characters of the hexadecimal form, without the NUL */
#define MSB_DIGEST_TEXT (7 + 64 + 1) /* "sha256:" and the hexadecimal form, with the NUL */

struct msb_digest {
	uint8_t bytes[MSB_DIGEST_SIZE];
};

/* The digest of size bytes. Cannot fail once the process has hashed anything at all. */
void msb_digest_of(const void *bytes, size_t size, struct msb_digest *ret);

/* "sha256:0123…", NUL-terminated; returns text, for use inside an argument list. */
char *msb_digest_format(const struct msb_digest *digest, char text[MSB_DIGEST_TEXT]);

/* Accepts "sha256:" and exactly 64 lower-case hexadecimal digits, or the digits alone.
 * 0 or -EINVAL. */
int msb_digest_parse(const char *text, struct msb_digest *ret);

static inline bool msb_digest_equal(const struct msb_digest *a, const struct msb_digest *b)
{
	return memcmp(a->bytes, b->bytes, MSB_DIGEST_SIZE) == 0;
}

/* A digest under way. One thread at a time. */
struct msb_hasher;

struct msb_hasher *msb_hasher_new(void); /* NULL: out of memory */
void msb_hasher_update(struct msb_hasher *hasher, const void *bytes, size_t size);
/* The digest of all updates since new or the last finish; the hasher starts afresh. */
void msb_hasher_finish(struct msb_hasher *hasher, struct msb_digest *ret);
void msb_hasher_free(struct msb_hasher *hasher);
DEFINE_AUTO(struct msb_hasher, msb_hasher_free)

#endif
