#include <errno.h>
#include <string.h>

#include "rights.h"

static bool is_granted(const struct msb_build_options *options, const char *right)
{
	for (const char *const *granted = options->allowed; granted && *granted; granted++)
		if (strcmp(*granted, right) == 0)
			return true;
	/* Whoever gives the host's network to all commands gives it to one that asks. */
	return strcmp(right, "network.host") == 0 && options->network &&
	       strcmp(options->network, "host") == 0;
}

static int check_step(const struct build *build, const struct step *step, struct msb_error *err)
{
	const char *right = NULL;

	if (step->run.insecure && !is_granted(build->options, "security.insecure"))
		right = "security.insecure";
	else if (step->run.network == NETWORK_HOST && !is_granted(build->options, "network.host"))
		right = "network.host";
	if (!right)
		return 0;
	return msb_error_say(err, EPERM, "%s:%d: %s is not allowed; grant it with --allow %s",
			     build->dockerfile->name, step->line, right, right);
}

int rights_check(const struct build *build, struct msb_error *err)
{
	const struct plan *plan = build->plan;
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->stage_count; i++)
		for (size_t j = 0; r == 0 && j < plan->stages[i].step_count; j++)
			if (plan->stages[i].steps[j].kind == STEP_RUN)
				r = check_step(build, &plan->stages[i].steps[j], err);
	return r;
}
