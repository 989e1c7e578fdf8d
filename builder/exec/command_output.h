/* Running a command with all that it prints going to the step's log and to its events. */
#ifndef COMMAND_OUTPUT_H
#define COMMAND_OUTPUT_H

#include <msb/error.h>

#include "sandbox.h"

struct step_run;

/* As sandbox_run(), with run->exit_status as its result. */
int command_run(struct step_run *run, struct sandbox_command *command, struct msb_error *err);

#endif
