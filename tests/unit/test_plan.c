/* Plans, where a case in tests/golden cannot say it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "plan.h"

static struct plan *plan_text(const char *text, struct plan_inputs *inputs, struct msb_error *err)
{
	AUTO(dockerfile_freep) struct dockerfile *dockerfile = NULL;
	struct plan *plan = NULL;

	assert_int_equal(dockerfile_parse("Dockerfile", text, strlen(text), &dockerfile, err), 0);
	inputs->dockerfile = dockerfile;
	plan_make(inputs, &plan, err);
	return plan;
}

struct asked {
	struct strlist references;
	int answer;
};

static int note_image(void *context, const char *reference, const char *platform,
		      struct config *ret, struct msb_error *err)
{
	struct asked *asked = context;

	assert_int_equal(strlist_addf(&asked->references, "%s %s", reference, platform), 0);
	if (asked->answer < 0)
		return msb_error_say(err, asked->answer, "pull %s: no", reference);
	return strlist_add(&ret->env, "PATH=/image");
}

static void images_are_asked_for_once_a_wanted_stage_with_its_platform(void **state)
{
	struct asked asked = {0};
	struct plan_inputs inputs = {
		.platform = "linux/amd64", .image_config = note_image, .context = &asked};
	AUTO(plan_freep)
	struct plan *plan =
		plan_text("FROM a AS a\nFROM no\nFROM --platform=linux/arm64 b\n"
			  "COPY --from=a x y\nCOPY --from=a x z\nCOPY --from=image x y\n",
			  &inputs, NULL);

	(void)state;
	assert_non_null(plan);
	assert_int_equal(asked.references.count, 2);
	assert_true(strlist_has(&asked.references, "a linux/amd64"));
	assert_true(strlist_has(&asked.references, "b linux/arm64"));
	strlist_done(&asked.references);
}

static void what_an_image_fails_with_is_what_the_plan_fails_with(void **state)
{
	struct asked asked = {.answer = -EHOSTUNREACH};
	struct plan_inputs inputs = {.image_config = note_image, .context = &asked};
	struct msb_error err = {0};
	AUTO(plan_freep) struct plan *plan = plan_text("\nFROM a\n", &inputs, &err);

	(void)state;
	assert_null(plan);
	assert_int_equal(err.code, -EHOSTUNREACH);
	assert_string_equal(err.text, "Dockerfile:2: pull a: no");
	strlist_done(&asked.references);
}

/* The definition of the last step of text. */
static char *last_definition(const char *text)
{
	struct plan_inputs inputs = {0};
	AUTO(plan_freep) struct plan *plan = plan_text(text, &inputs, NULL);
	const struct plan_stage *stage;

	assert_non_null(plan);
	stage = &plan->stages[plan->target];
	return plan_step_definition(&stage->steps[stage->step_count - 1]);
}

static void assert_same_key(const char *a, const char *b, bool same)
{
	autofree char *first = last_definition(a), *second = last_definition(b);

	assert_non_null(first);
	assert_non_null(second);
	assert_int_equal(strcmp(first, second) == 0, same);
}

static void what_must_not_count_is_not_in_the_key(void **state)
{
	(void)state;
	assert_same_key("FROM a\nCOPY x/f /d\n", "FROM b\n\n\nCOPY y/f /d\n", true);
	assert_same_key("FROM a AS s\nFROM a\nCOPY --from=s f /d\n",
			"FROM a AS other\nFROM a\nCOPY --from=0 f /d\n", true);
	assert_same_key("FROM a\nENV x=1\nCOPY f /d\n", "FROM a\nENV x=2\nCOPY f /d\n", true);
	assert_same_key("FROM a\nLABEL x=1\nRUN y\n", "FROM a\nLABEL x=2\nRUN y\n", true);
	assert_same_key("FROM a\nARG x\nRUN y\n", "FROM a\nRUN y\n", true);
	assert_same_key("FROM a\nCOPY f /a/../d\n", "FROM a\nWORKDIR /d/e\nCOPY f ../../d\n", true);
}

static void what_decides_the_result_is_in_the_key(void **state)
{
	(void)state;
	assert_same_key("FROM a\nRUN x\n", "FROM a\nRUN y\n", false);
	assert_same_key("FROM a\nRUN x\n", "FROM a\nRUN [\"x\"]\n", false);
	assert_same_key("FROM a\nENV x=1\nRUN y\n", "FROM a\nENV x=2\nRUN y\n", false);
	assert_same_key("FROM a\nARG x=1\nRUN y\n", "FROM a\nRUN y\n", false);
	assert_same_key("FROM a\nUSER u\nRUN y\n", "FROM a\nRUN y\n", false);
	assert_same_key("FROM a\nWORKDIR /w\nRUN y\n", "FROM a\nRUN y\n", false);
	assert_same_key("FROM a\nRUN --network=none y\n", "FROM a\nRUN y\n", false);
	assert_same_key("FROM a\nRUN --mount=target=/m y\n", "FROM a\nRUN y\n", false);
	assert_same_key("FROM a\nCOPY f /d\n", "FROM a\nCOPY f /d/\n", false);
	assert_same_key("FROM a\nCOPY f /d\n", "FROM a\nCOPY g /d\n", false);
	assert_same_key("FROM a\nCOPY --chown=1 f /d\n", "FROM a\nCOPY f /d\n", false);
	assert_same_key("FROM a\nCOPY f /d\n", "FROM a\nADD f /d\n", false);
	assert_same_key("FROM a\nCOPY <<f /d\n1\nf\n", "FROM a\nCOPY <<f /d\n2\nf\n", false);
	assert_same_key("FROM a\nUSER u\nWORKDIR /d\n", "FROM a\nWORKDIR /d\n", false);
}

/* One value that looks like two lines of a key is not two values. */
static void a_line_break_in_a_value_forges_nothing(void **state)
{
	(void)state;
	assert_same_key("FROM a\nENV x=\"1\\\n\"\nRUN [\"a\\\"\\narg \\\"b\"]\n",
			"FROM a\nENV x=\"1\\\n\"\nRUN [\"a\", \"b\"]\n", false);
}

static void the_parsed_file_may_go_before_the_plan(void **state)
{
	struct plan_inputs inputs = {0};
	AUTO(plan_freep) struct plan *plan = plan_text("FROM a AS b\nRUN c\n", &inputs, NULL);

	(void)state;
	assert_string_equal(plan->stages[0].label, "b");
	assert_string_equal(plan->stages[0].steps[1].run.argv.items[2], "c");
}

static void chains_of_many_stages_are_planned_without_recursion(void **state)
{
	struct plan_inputs inputs = {0};
	AUTO(plan_freep) struct plan *plan = NULL;
	autobuffer text = {0};
	autofree char *dockerfile = NULL;

	(void)state;
	buffer_string(&text, "FROM scratch AS s0\n");
	for (int i = 1; i < 5000; i++)
		buffer_printf(&text, "FROM s%d AS s%d\n", i - 1, i);
	dockerfile = buffer_text(&text);
	assert_non_null(dockerfile);
	plan = plan_text(dockerfile, &inputs, NULL);
	assert_non_null(plan);
	assert_true(plan->stages[0].wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(images_are_asked_for_once_a_wanted_stage_with_its_platform),
		cmocka_unit_test(what_an_image_fails_with_is_what_the_plan_fails_with),
		cmocka_unit_test(what_must_not_count_is_not_in_the_key),
		cmocka_unit_test(what_decides_the_result_is_in_the_key),
		cmocka_unit_test(a_line_break_in_a_value_forges_nothing),
		cmocka_unit_test(the_parsed_file_may_go_before_the_plan),
		cmocka_unit_test(chains_of_many_stages_are_planned_without_recursion),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
