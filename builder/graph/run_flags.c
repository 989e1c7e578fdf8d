/* RUN's --network and --security, and the list of its mounts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "mount.h"

static int read_network(const struct site *site, struct msb_error *err)
{
	static const char *const names[] = {
		[NETWORK_DEFAULT] = "default", [NETWORK_NONE] = "none", [NETWORK_HOST] = "host"};
	const char *text = instruction_flag(site->instruction, "network");

	if (!text)
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(names[i], text) == 0) {
			site->step->run.network = (enum run_network)i;
			return 0;
		}
	}
	return msb_error_say(err, EINVAL, "network mode '%s' is not valid (default, none or host)",
			     text);
}

static int read_security(const struct site *site, struct msb_error *err)
{
	const char *text = instruction_flag(site->instruction, "security");

	if (!text || strcmp(text, "sandbox") == 0)
		return 0;
	if (strcmp(text, "insecure") != 0)
		return msb_error_say(err, EINVAL,
				     "security '%s' is not valid (sandbox or insecure)", text);
	site->step->run.insecure = true;
	return 0;
}

int run_flags(struct site *site, struct msb_error *err)
{
	const struct instruction *instruction = site->instruction;
	struct run_step *run = &site->step->run;
	int r = read_network(site, err);

	if (r == 0)
		r = read_security(site, err);
	if (r < 0 || instruction->flag_count == 0)
		return r;
	run->mounts = calloc(instruction->flag_count, sizeof(*run->mounts));
	if (!run->mounts)
		return msb_error_memory(err);
	for (size_t i = 0; r == 0 && i < instruction->flag_count; i++)
		if (strcmp(instruction->flags[i].name, "mount") == 0)
			r = mount_read(site, instruction->flags[i].value,
				       &run->mounts[run->mount_count++], err);
	return r;
}
