/* msb build --check and --call=NAME[,format=json]. */
#ifndef BUILD_CALL_H
#define BUILD_CALL_H

#include <msb/builder.h>

#include "command.h"

struct build_call {
	bool wanted; /* else it is a build */
	enum msb_call call;
	bool json;
};

/* Wrong usage for what is none. */
void build_call_parse(const char *text, struct argp_state *state, struct build_call *ret);

/* STATUS_FAILED also where a check found anything. */
int build_call_run(const struct session *session, const struct msb_build_options *options,
		   const struct build_call *call);

#endif
