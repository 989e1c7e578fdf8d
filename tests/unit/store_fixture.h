/* A fresh store for each test, in a directory of its own. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <msb/error.h>
#include <msb/store.h>

#include "store_writer.h"

struct fixture {
	char directory[64]; /* holds the store and what a test puts beside it */
	char root[80];
	struct msb_store *store;
	struct store_writer *writer;
	struct msb_error err;
};

/* For cmocka_unit_test_setup_teardown(). */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);

/* Closes writer and store; nothing of SQLite may be open where a test forks. */
void fixture_close(struct fixture *fixture);
/* Closes writer and store, and opens them again. */
void fixture_reopen(struct fixture *fixture);
/* Opens a second handle on the store, for a child or a second writer. */
void fixture_open(const char *root, struct msb_store **ret_store, struct store_writer **ret_writer);

/* Begin and commit, which must succeed. */
void fixture_commit(struct fixture *fixture);
/* size bytes that depend on seed, the same each time; owned by the caller. */
uint8_t *fixture_bytes(uint64_t seed, size_t size);
struct msb_digest fixture_put(struct fixture *fixture, const void *bytes, size_t size);
/* Puts fixture_bytes(seed, size). */
struct msb_digest fixture_put_seed(struct fixture *fixture, uint64_t seed, size_t size);
/* The blob loads, verified, and is fixture_bytes(seed, size). */
void fixture_expect(struct msb_store *store, const struct msb_digest *digest, uint64_t seed,
		    size_t size);
/* The store has no such blob. */
void fixture_expect_absent(struct msb_store *store, const struct msb_digest *digest);
/* A digest that is byte 32 times. */
struct msb_digest fixture_digest(uint8_t byte);

#define assert_ok(fixture, call)                                                                   \
	do {                                                                                       \
		int result_ = (call);                                                              \
		if (result_ < 0)                                                                   \
			fail_msg("%s: %d: %s", #call, result_, (fixture)->err.text);               \
	} while (0)

#define TEST_IN_STORE(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

#endif
