/* RUN's --network and --security, and the list of its mounts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "mount.h"
#include "suggest.h"

static int read_network(const struct instruction *instruction, enum run_network *ret,
			struct msb_error *err)
{
	static const char *const names[] = {
		[NETWORK_DEFAULT] = "default", [NETWORK_NONE] = "none", [NETWORK_HOST] = "host"};
	const char *text = instruction_flag(instruction, "network");

	if (!text)
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(names[i], text) == 0) {
			*ret = (enum run_network)i;
			return 0;
		}
	}
	return suggest_instead("unknown flag", "--network=", text, names,
			       sizeof(names) / sizeof(*names), err);
}

static int read_security(const struct instruction *instruction, bool *ret, struct msb_error *err)
{
	static const char *const names[] = {"sandbox", "insecure"};
	const char *text = instruction_flag(instruction, "security");

	if (!text || strcmp(text, names[0]) == 0)
		return 0;
	if (strcmp(text, names[1]) != 0)
		return suggest_instead("unknown flag", "--security=", text, names, 2, err);
	*ret = true;
	return 0;
}

int run_flags(struct site *site, struct msb_error *err)
{
	const struct instruction *instruction = site->instruction;
	struct run_step *run = &site->step->run;
	int r = read_network(instruction, &run->network, err);

	if (r == 0)
		r = read_security(instruction, &run->insecure, err);
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

int run_look(const struct instruction *instruction, struct msb_error *err)
{
	enum run_network network;
	bool insecure;
	int r = read_network(instruction, &network, err);

	if (r == 0)
		r = read_security(instruction, &insecure, err);
	return r;
}
