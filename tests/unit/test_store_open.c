/* Making and opening stores, and what is refused. */
#include "store_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <sqlite3.h>

#include "io.h"

static void no_store_is_no_store(void **state)
{
	struct fixture *f = *state;
	struct msb_store *store;
	char path[160];

	snprintf(path, sizeof(path), "%s/none", f->directory);
	assert_int_equal(msb_store_open(path, &store, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.text, path));
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(msb_store_open(path, &store, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.text, path));
}

static void a_store_of_another_format_is_refused(void **state)
{
	struct fixture *f = *state;
	struct msb_store *store;

	assert_ok(f, io_write_file(msb_store_directory(f->store), "version", "msb store 2\n", 12,
				   0600, &f->err));
	assert_int_equal(msb_store_open(f->root, &store, &f->err), -EPROTO);
	assert_non_null(strstr(f->err.text, f->root));
}

static void change_records(struct fixture *f, const char *script)
{
	char path[160];
	sqlite3 *db;

	fixture_close(f);
	snprintf(path, sizeof(path), "%s/records.db", f->root);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, script, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static uint64_t secret_of(struct fixture *f)
{
	struct msb_store *store;
	uint64_t secret;

	assert_ok(f, msb_store_open(f->root, &store, &f->err));
	assert_ok(f, msb_records_secret(store, &secret, &f->err));
	msb_store_close(store);
	return secret;
}

static void records_of_older_versions_get_what_came_later(void **state)
{
	struct fixture *f = *state;
	const struct msb_digest digest = {0};
	struct msb_store *store;
	uint64_t secret;

	change_records(f, "ALTER TABLE meta DROP COLUMN secret; DROP TABLE remote;"
			  "DROP TABLE layer_place; ALTER TABLE layer DROP COLUMN toc;"
			  "PRAGMA user_version = 1");
	assert_ok(f, msb_store_open(f->root, &store, &f->err));
	assert_int_equal(msb_store_has(store, &digest, NULL, &f->err), MSB_ABSENT);
	msb_store_close(store);
	change_records(f, "ALTER TABLE meta DROP COLUMN secret; PRAGMA user_version = 2");
	secret = secret_of(f);
	assert_int_not_equal(secret, 0);
	assert_int_equal(secret_of(f), secret);
}

static void each_store_draws_a_secret_for_good(void **state)
{
	struct fixture *f = *state;
	uint64_t secret = secret_of(f);

	assert_int_equal(secret_of(f), secret);
	fixture_close(f);
	strcpy(f->root + strlen(f->root), "2");
	assert_ok(f, store_create(f->root, &f->err));
	assert_int_not_equal(secret_of(f), secret);
}

static void records_of_another_version_are_refused(void **state)
{
	struct fixture *f = *state;
	struct msb_store *store;

	change_records(f, "PRAGMA user_version = 7");
	assert_int_equal(msb_store_open(f->root, &store, &f->err), -EPROTO);
	assert_non_null(strstr(f->err.text, "version 7"));
}

static void damaged_records_are_called_damaged(void **state)
{
	struct fixture *f = *state;
	struct msb_store *store;
	char garbage[8192];

	memset(garbage, 'x', sizeof(garbage));
	fixture_close(f);
	{
		autoclose int root = open(f->root, O_RDONLY | O_DIRECTORY);

		/* The journal would mend it. */
		unlinkat(root, "records.db-wal", 0);
		assert_ok(f, io_write_file(root, "records.db", garbage, sizeof(garbage), 0600,
					   &f->err));
		assert_int_equal(msb_store_open(f->root, &store, &f->err), -EBADMSG);
		assert_non_null(strstr(f->err.text, "damaged"));
		assert_int_equal(unlinkat(root, "records.db", 0), 0);
		assert_true(msb_store_open(f->root, &store, &f->err) < 0);
		assert_non_null(strstr(f->err.text, "records.db"));
	}
}

static void what_cannot_be_written_beside_is_refused_clearly(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t pid;

	fixture_close(f);
	assert_int_equal(chmod(f->directory, 0755), 0);
	assert_int_equal(chmod(f->root, 0555), 0);
	pid = fork();
	if (pid == 0) {
		struct msb_store *store;
		int r;

		/* For root everything is writable; an ordinary user stays who it is. */
		if (geteuid() == 0 && setresuid(12345, 12345, 12345) < 0)
			_exit(2);
		r = msb_store_open(f->root, &store, &f->err);
		if (r == 0)
			r = store_writer_open(store, &f->writer, &f->err);
		_exit(r < 0 && strstr(f->err.text, f->root) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(chmod(f->root, 0700), 0);
}

static void creating_twice_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct msb_digest digest = fixture_put_seed(f, 1, 100);

	fixture_commit(f);
	assert_ok(f, store_create(f->root, &f->err));
	fixture_reopen(f);
	fixture_expect(f->store, &digest, 1, 100);
}

static void creation_that_was_interrupted_is_completed(void **state)
{
	struct fixture *f = *state;
	struct msb_digest digest = fixture_put_seed(f, 1, 100);
	char path[160];

	fixture_commit(f);
	fixture_close(f);
	snprintf(path, sizeof(path), "%s/version", f->root);
	assert_int_equal(unlink(path), 0);
	assert_ok(f, store_create(f->root, &f->err));
	fixture_reopen(f);
	fixture_expect(f->store, &digest, 1, 100);
}

static void processes_may_create_one_store_at_once(void **state)
{
	struct fixture *f = *state;
	char path[160];
	pid_t pids[8];

	fixture_close(f);
	snprintf(path, sizeof(path), "%s/a/b/store", f->directory);
	for (size_t i = 0; i < 8; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			struct msb_store *store;

			if (store_create(path, &f->err) < 0 ||
			    msb_store_open(path, &store, &f->err) < 0 ||
			    store_writer_open(store, &f->writer, &f->err) < 0) {
				fprintf(stderr, "# %s\n", f->err.text);
				_exit(1);
			}
			store_writer_close(f->writer);
			msb_store_close(store);
			_exit(0);
		}
	}
	for (size_t i = 0; i < 8; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
}

static void the_default_root_follows_the_environment(void **state)
{
	char *root;

	(void)state;
	setenv("MSB_ROOT", "/given", 1);
	root = msb_store_default_root();
	assert_string_equal(root, "/given");
	free(root);
	unsetenv("MSB_ROOT");
	if (geteuid() == 0) {
		root = msb_store_default_root();
		assert_string_equal(root, "/var/lib/msb");
		free(root);
		assert_int_equal(seteuid(12345), 0);
	}
	setenv("HOME", "/home/x", 1);
	setenv("XDG_DATA_HOME", "/home/x/data", 1);
	root = msb_store_default_root();
	assert_string_equal(root, "/home/x/data/msb");
	free(root);
	setenv("XDG_DATA_HOME", "relative", 1);
	root = msb_store_default_root();
	assert_string_equal(root, "/home/x/.local/share/msb");
	free(root);
	unsetenv("HOME");
	assert_null(msb_store_default_root());
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_STORE(no_store_is_no_store),
		TEST_IN_STORE(a_store_of_another_format_is_refused),
		TEST_IN_STORE(records_of_older_versions_get_what_came_later),
		TEST_IN_STORE(each_store_draws_a_secret_for_good),
		TEST_IN_STORE(records_of_another_version_are_refused),
		TEST_IN_STORE(damaged_records_are_called_damaged),
		TEST_IN_STORE(what_cannot_be_written_beside_is_refused_clearly),
		TEST_IN_STORE(creating_twice_changes_nothing),
		TEST_IN_STORE(creation_that_was_interrupted_is_completed),
		TEST_IN_STORE(processes_may_create_one_store_at_once),
		cmocka_unit_test(the_default_root_follows_the_environment),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("store_open", tests, NULL, NULL);
}
