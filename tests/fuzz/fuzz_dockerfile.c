/* Any bytes as a Dockerfile: parsed, checked, planned without images, and as a list of ignore
 * patterns. */
#include <stdint.h>
#include <stdlib.h>

#include "dockerfile.h"
#include "ignore.h"
#include "lint.h"
#include "outline.h"
#include "plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct dockerfile *dockerfile, const struct plan *plan)
{
	const struct lint_inputs inputs = {
		.dockerfile = dockerfile, .plan = plan, .platform = "linux/amd64"};
	AUTO(lint_freep) struct lint *lint = NULL;

	if (lint_run(&inputs, &lint, NULL) == 0)
		free(lint_rules(lint));
}

static void plan_dockerfile(const char *text, size_t size)
{
	AUTO(dockerfile_freep) struct dockerfile *dockerfile = NULL;
	AUTO(plan_freep) struct plan *plan = NULL;
	AUTO(outline_freep) struct outline *outline = NULL;
	struct plan_inputs inputs = {.platform = "linux/amd64"};
	struct msb_error err = {0};

	if (dockerfile_parse("Dockerfile", text, size, &dockerfile, &err) < 0)
		return;
	check(dockerfile, NULL);
	inputs.dockerfile = dockerfile;
	if (plan_make(&inputs, &plan, &err) < 0)
		return;
	check(dockerfile, plan);
	outline_make(&inputs, plan, &outline, NULL);
	for (size_t i = 0; i < plan->stage_count; i++)
		for (size_t j = 0; j < plan->stages[i].step_count; j++)
			free(plan_step_definition(&plan->stages[i].steps[j]));
}

static void match_patterns(const char *text, size_t size)
{
	AUTO(ignore_freep) struct ignore *ignore = NULL;

	if (ignore_parse("list", text, size, &ignore, NULL) < 0)
		return;
	if (ignore_match(ignore, "a/b/c.txt"))
		ignore_may_reinclude(ignore, "a/b/c.txt");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	plan_dockerfile((const char *)data, size);
	match_patterns((const char *)data, size);
	return 0;
}
