#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include <msb/digest.h>

struct msb_hasher {
	EVP_MD_CTX *context;
};

/* Fetched once: looking the algorithm up costs more than hashing a small file. */
static EVP_MD *sha256;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

static void fetch_sha256(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!sha256)
		abort(); /* an OpenSSL without SHA-256: nothing here can go on */
}

struct msb_hasher *msb_hasher_new(void)
{
	AUTO(msb_hasher_freep) struct msb_hasher *hasher = calloc(1, sizeof(*hasher));

	if (!hasher)
		return NULL;
	pthread_once(&sha256_once, fetch_sha256);
	hasher->context = EVP_MD_CTX_new();
	if (!hasher->context || EVP_DigestInit_ex2(hasher->context, sha256, NULL) != 1)
		return NULL;
	return steal(&hasher);
}

void msb_hasher_update(struct msb_hasher *hasher, const void *bytes, size_t size)
{
	EVP_DigestUpdate(hasher->context, bytes, size);
}

void msb_hasher_finish(struct msb_hasher *hasher, struct msb_digest *ret)
{
	EVP_DigestFinal_ex(hasher->context, ret->bytes, NULL);
	EVP_DigestInit_ex2(hasher->context, NULL, NULL);
}

void msb_hasher_free(struct msb_hasher *hasher)
{
	if (!hasher)
		return;
	EVP_MD_CTX_free(hasher->context);
	free(hasher);
}

static _Thread_local EVP_MD_CTX *thread_context;
static pthread_key_t thread_key;
static pthread_once_t thread_once = PTHREAD_ONCE_INIT;

static void free_context(void *context)
{
	EVP_MD_CTX_free(context);
}

static void make_thread_key(void)
{
	pthread_key_create(&thread_key, free_context);
}

/* One context a thread, freed with it: a context made for each small digest triples its cost. */
void msb_digest_of(const void *bytes, size_t size, struct msb_digest *ret)
{
	pthread_once(&sha256_once, fetch_sha256);
	if (!thread_context) {
		pthread_once(&thread_once, make_thread_key);
		thread_context = EVP_MD_CTX_new();
		if (!thread_context)
			abort(); /* a few hundred bytes: the process is beyond help */
		pthread_setspecific(thread_key, thread_context);
		EVP_DigestInit_ex2(thread_context, sha256, NULL);
	}
	EVP_DigestUpdate(thread_context, bytes, size);
	EVP_DigestFinal_ex(thread_context, ret->bytes, NULL);
	EVP_DigestInit_ex2(thread_context, NULL, NULL);
}

char *msb_digest_format(const struct msb_digest *digest, char text[MSB_DIGEST_TEXT])
{
	static const char digits[] = "0123456789abcdef";
	char *out = text + 7;

	memcpy(text, "sha256:", 7);
	for (size_t i = 0; i < MSB_DIGEST_SIZE; i++) {
		*out++ = digits[digest->bytes[i] >> 4];
		*out++ = digits[digest->bytes[i] & 15];
	}
	*out = '\0';
	return text;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int msb_digest_parse(const char *text, struct msb_digest *ret)
{
	struct msb_digest digest;

	if (strncmp(text, "sha256:", 7) == 0)
		text += 7;
	if (strlen(text) != MSB_DIGEST_HEX)
		return -EINVAL;
	for (size_t i = 0; i < MSB_DIGEST_SIZE; i++) {
		int high = hex_value(text[2 * i]);
		int low = hex_value(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		digest.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*ret = digest;
	return 0;
}
