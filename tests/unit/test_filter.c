/* Filters of system calls: Docker's profiles, translated, compiled and kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <msb/cleanup.h>

#include "filter.h"
#include "internal.h"
#include "io.h"

#define TEST(name) static void name(void **state __attribute__((unused)))

/* The names of all calls that the translated profile has rules for. */
static void assert_rules(const char *syscalls, const char *expected)
{
	autofree char *text = NULL;
	json_auto_t *profile = NULL, *result = NULL, *names = json_array();
	json_auto_t *capabilities = json_pack("[s, s]", "CAP_CHOWN", "CAP_SYS_CHROOT");
	const struct filter_setting setting = {"amd64", "SCMP_ARCH_X86_64", capabilities};
	const json_t *rule;
	struct msb_error err = {0};
	size_t i;

	assert_true(asprintf(&text, "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":%s}",
			     syscalls) > 0);
	profile = json_loads(text, 0, NULL);
	assert_non_null(profile);
	if (filter_translate(profile, &setting, &result, &err) < 0)
		fail_msg("%s", err.text);
	json_array_foreach(json_object_get(result, "syscalls"), i, rule)
		json_array_extend(names, json_object_get(rule, "names"));
	free(text);
	text = json_dumps(names, JSON_COMPACT);
	assert_string_equal(text, expected);
}

static int translate(const char *text, json_t **ret, struct msb_error *err)
{
	json_auto_t *profile = json_loads(text, 0, NULL), *none = json_array();
	const struct filter_setting setting = {"amd64", "SCMP_ARCH_X86_64", none};

	assert_non_null(profile);
	return filter_translate(profile, &setting, ret, err);
}

TEST(a_rule_counts_where_all_that_it_includes_is_so)
{
	assert_rules("[{\"names\":[\"read\",\"write\"],\"action\":\"SCMP_ACT_ALLOW\"},"
		     "{\"names\":[\"chroot\"],\"includes\":{\"caps\":[\"CAP_SYS_CHROOT\"]}},"
		     "{\"names\":[\"bpf\"],\"includes\":{\"caps\":[\"CAP_CHOWN\",\"CAP_BPF\"]}},"
		     "{\"names\":[\"arch_prctl\"],\"includes\":{\"arches\":[\"amd64\",\"x32\"]}},"
		     "{\"names\":[\"cacheflush\"],\"includes\":{\"arches\":[\"arm\"]}},"
		     "{\"names\":[\"ptrace\"],\"includes\":{\"minKernel\":\"4.8\"}},"
		     "{\"names\":[\"later\"],\"includes\":{\"minKernel\":\"999.0\"}}]",
		     "[\"read\",\"write\",\"chroot\",\"arch_prctl\",\"ptrace\"]");
}

TEST(a_rule_does_not_count_where_anything_that_it_excludes_is_so)
{
	assert_rules("[{\"names\":[\"a\"],\"excludes\":{\"caps\":[\"CAP_CHOWN\",\"CAP_BPF\"]}},"
		     "{\"names\":[\"b\"],\"excludes\":{\"caps\":[\"CAP_BPF\"]}},"
		     "{\"names\":[\"c\"],\"excludes\":{\"arches\":[\"amd64\"]}},"
		     "{\"names\":[\"d\"],\"excludes\":{\"minKernel\":\"4.0\"}},"
		     "{\"names\":[\"e\"],\"excludes\":{}}]",
		     "[\"b\",\"e\"]");
}

TEST(a_rule_of_an_old_profile_names_one_call)
{
	assert_rules("[{\"name\":\"accept\",\"action\":\"SCMP_ACT_ALLOW\",\"args\":null}]",
		     "[\"accept\"]");
}

TEST(the_native_architecture_brings_those_that_its_kernel_runs_as_well)
{
	json_auto_t *result = NULL;
	autofree char *text = NULL;

	assert_int_equal(
		translate("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[],\"archMap\":["
			  "{\"architecture\":\"SCMP_ARCH_S390X\"},"
			  "{\"architecture\":\"SCMP_ARCH_AARCH64\","
			  "\"subArchitectures\":[\"SCMP_ARCH_ARM\"]},"
			  "{\"architecture\":\"SCMP_ARCH_X86_64\","
			  "\"subArchitectures\":[\"SCMP_ARCH_X86\"]}]}",
			  &result, NULL),
		0);
	text = json_dumps(json_object_get(result, "architectures"), JSON_COMPACT);
	assert_string_equal(text, "[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\"]");
}

TEST(what_is_no_profile_is_refused)
{
	static const char *const wrong[] = {
		"{}",
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\"}",
		"{\"defaultAction\":1,\"syscalls\":[]}",
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":{}}",
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{}]}",
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[7]}",
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[]}]}",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		json_t *result = NULL;

		assert_int_equal(translate(wrong[i], &result, NULL), -EINVAL);
		assert_null(result);
	}
}

static int compile(const char *text, struct buffer *ret, struct msb_error *err)
{
	json_auto_t *filter = json_loads(text, 0, NULL);

	assert_non_null(filter);
	return filter_compile(filter, ret, err);
}

TEST(a_filter_becomes_a_program_of_the_kernels)
{
	autobuffer program = {0};
	struct msb_error err = {0};

	if (compile("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,\"syscalls\":["
		    "{\"names\":[\"read\",\"no_such_call\"],\"action\":\"SCMP_ACT_ALLOW\"},"
		    "{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":22,"
		    "\"args\":["
		    "{\"index\":0,\"value\":16,\"op\":\"SCMP_CMP_EQ\"},"
		    "{\"index\":0,\"value\":17,\"op\":\"SCMP_CMP_EQ\"}]},"
		    "{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,"
		    "\"value\":2114060288,\"valueTwo\":0,\"op\":\"SCMP_CMP_MASKED_EQ\"}]}]}",
		    &program, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(program.size >= 8 * sizeof(struct sock_filter));
	assert_int_equal(program.size % sizeof(struct sock_filter), 0);
}

TEST(words_that_nobody_knows_are_refused_by_name)
{
	static const struct {
		const char *text, *word;
	} wrong[] = {
		{"{\"defaultAction\":\"SCMP_ACT_DANCE\"}", "SCMP_ACT_DANCE"},
		{"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_VAX\"]}",
		 "SCMP_ARCH_VAX"},
		{"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],"
		 "\"action\":\"SCMP_ACT_NOTIFY\"}]}",
		 "SCMP_ACT_NOTIFY"},
		{"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],"
		 "\"action\":\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":0,\"op\":\"=\"}]}]}",
		 "'='"},
		{"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],"
		 "\"action\":\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":6,\"op\":\"SCMP_CMP_EQ\"}]}]}",
		 "argument 6"},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct msb_error err = {0};
		autobuffer program = {0};

		assert_int_equal(compile(wrong[i].text, &program, &err), -EINVAL);
		assert_non_null(strstr(err.text, wrong[i].word));
	}
}

/* The only file of a directory, whose name is not ours to know. */
static void damage_only_file(const char *directory)
{
	autofree char *command = NULL;

	assert_true(asprintf(&command, "cd %s && set -- * && [ $# = 1 ] && printf x >>\"$1\"",
			     directory) > 0);
	assert_int_equal(system(command), 0);
}

TEST(a_filter_is_kept_and_made_anew_where_what_was_kept_is_damaged)
{
	char directory[] = "/tmp/msb-filter-XXXXXX", profile[64];
	AUTO(sandbox_filter_freep) struct sandbox_filter *first = NULL, *second = NULL;
	AUTO(sandbox_filter_freep) struct sandbox_filter *third = NULL;
	static const char text[] = "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":["
				   "{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"}]}";
	autoclose int kept = -1;

	assert_non_null(mkdtemp(directory));
	snprintf(profile, sizeof(profile), "%s.json", directory);
	assert_int_equal(io_write_file(AT_FDCWD, profile, text, strlen(text), 0600, NULL), 0);
	kept = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(sandbox_filter_open(profile, kept, &first, NULL), 0);
	assert_int_equal(sandbox_filter_open(profile, kept, &second, NULL), 0);
	assert_string_equal(first->program, second->program);
	assert_true(json_equal(first->rules, second->rules));
	damage_only_file(directory);
	assert_int_equal(sandbox_filter_open(profile, kept, &third, NULL), 0);
	assert_string_equal(first->program, third->program);
	assert_int_equal(unlink(profile), 0);
	assert_int_equal(io_remove_tree(AT_FDCWD, directory, NULL), 0);
}

TEST(a_file_that_is_no_json_is_refused_with_its_line)
{
	char profile[] = "/tmp/msb-filter-XXXXXX";
	autoclose int fd = mkstemp(profile);
	struct sandbox_filter *filter = NULL;
	struct msb_error err = {0};

	assert_int_equal(io_write(fd, "{\n\"a\" 1}", 8), 0);
	assert_int_equal(sandbox_filter_open(profile, -1, &filter, &err), -EINVAL);
	assert_non_null(strstr(err.text, "line 2"));
	assert_non_null(strstr(err.text, profile));
	assert_int_equal(unlink(profile), 0);
	assert_int_equal(sandbox_filter_open(profile, -1, &filter, &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_counts_where_all_that_it_includes_is_so),
		cmocka_unit_test(a_rule_does_not_count_where_anything_that_it_excludes_is_so),
		cmocka_unit_test(a_rule_of_an_old_profile_names_one_call),
		cmocka_unit_test(the_native_architecture_brings_those_that_its_kernel_runs_as_well),
		cmocka_unit_test(what_is_no_profile_is_refused),
		cmocka_unit_test(a_filter_becomes_a_program_of_the_kernels),
		cmocka_unit_test(words_that_nobody_knows_are_refused_by_name),
		cmocka_unit_test(a_filter_is_kept_and_made_anew_where_what_was_kept_is_damaged),
		cmocka_unit_test(a_file_that_is_no_json_is_refused_with_its_line),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
