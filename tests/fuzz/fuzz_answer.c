/* What registries and other builders send, by the first byte: documents, references, headers. What
 * is accepted can be said again, and is then the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "challenge.h"
#include "image.h"
#include "internal.h"
#include "reference.h"
#include "rfc3339.h"
#include "shared_cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Both texts are taken. */
static void expect_same(char *one, char *other)
{
	if (!one || !other || strcmp(one, other) != 0) {
		fprintf(stderr, "'%s' became '%s'\n", one ? one : "", other ? other : "");
		abort();
	}
	free(one);
	free(other);
}

static void try_config(const char *text, size_t size)
{
	autoimage image = {0}, again = {0};
	char *one, *other;

	/* Bytes that are no UTF-8 never come this far: JSON has none. */
	if (image_decode(text, size, &image, NULL) < 0)
		return;
	if (image_encode(&image, &one, NULL) < 0 ||
	    image_decode(one, strlen(one), &again, NULL) < 0 ||
	    image_encode(&again, &other, NULL) < 0)
		abort();
	expect_same(one, other);
}

static void try_manifest(const char *text, size_t size)
{
	automanifest manifest = {0}, again = {0};
	char *one, *other;

	if (manifest_decode(text, size, &manifest, NULL) < 0)
		return;
	if (manifest_with_config(text, size, &manifest.config.digest, 3, &one, NULL) < 0)
		abort();
	free(one);
	if (manifest_encode(&manifest, &one, NULL) < 0 ||
	    manifest_decode(one, strlen(one), &again, NULL) < 0 ||
	    manifest_encode(&again, &other, NULL) < 0)
		abort();
	expect_same(one, other);
}

static void try_index(const char *text, size_t size)
{
	const struct platform platform = {.os = "linux", .architecture = "arm", .variant = "v7"};
	struct descriptor chosen;
	json_t *index = NULL;

	if (json_parse(text, size, "index", &index, NULL) < 0)
		return;
	index_choose(index, &platform, &chosen, NULL);
	json_decref(index);
}

static void try_shared(const char *text, size_t size)
{
	autoshared document = {0}, again = {0};
	char *one, *other;

	if (shared_document_decode(text, size, &document, NULL) < 0)
		return;
	if (shared_document_encode(&document, &one, NULL) < 0 ||
	    shared_document_decode(one, strlen(one), &again, NULL) < 0 ||
	    shared_document_encode(&again, &other, NULL) < 0)
		abort();
	expect_same(one, other);
	if (shared_document_merge(&document, &again) < 0)
		abort();
}

static void try_reference(const char *text, size_t size)
{
	char *copy = strndup(text, size), *normal, *familiar, *again;

	if (copy && reference_normalize(copy, &normal, NULL) >= 0) {
		familiar = reference_familiar(normal);
		if (!familiar || reference_normalize(familiar, &again, NULL) < 0)
			abort();
		free(familiar);
		expect_same(normal, again);
	}
	free(copy);
}

static void try_challenge(const char *text, size_t size)
{
	struct strlist headers = {0};
	struct challenge challenge = {0};
	char *copy = strndup(text, size);

	if (!copy || strlist_add(&headers, copy) < 0 || challenge_parse(&headers, &challenge) < 0)
		abort();
	challenge_done(&challenge);
	strlist_done(&headers);
	free(copy);
}

static void try_time(const char *text, size_t size)
{
	char *copy = strndup(text, size), again[TIME_TEXT];
	int64_t ns, other;

	if (copy && time_parse(copy, &ns) >= 0 &&
	    (time_parse(time_format(ns, again), &other) < 0 || ns != other))
		abort();
	free(copy);
}

static void (*const kinds[])(const char *, size_t) = {
	try_config, try_manifest, try_index, try_shared, try_reference, try_challenge, try_time,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t kind = size > 0 && data[0] >= 'a' ? (size_t)(data[0] - 'a') : 0;

	if (size > 0 && kind < sizeof(kinds) / sizeof(*kinds))
		kinds[kind]((const char *)data + 1, size - 1);
	return 0;
}
