/* What is said when a build has ended: what came of it, and where to look. */
#ifndef REPORT_H
#define REPORT_H

#include <msb/builder.h>

#include "command.h"

struct report {
	bool quiet;                          /* the ID on stdout, nothing else */
	bool silent;                         /* not a word: stderr is for a machine */
	const char *iidfile, *metadata_file; /* NULL: not wanted */
	const struct words *tags;            /* as the user wrote them */
	const struct words *failure_outputs; /* "DIR" or "DIR:PATH" */
	size_t vertex;                       /* the number to speak under */
};

/* Both return one of STATUS_*. */
int report_success(const struct report *report, const struct msb_build_result *result);
int report_failure(const struct session *session, const struct report *report,
		   const struct msb_build_result *result, const struct msb_error *err);

#endif
