/* Who sent a request, as far as /proc tells. */
#ifndef ASKER_H
#define ASKER_H

#include <stdbool.h>
#include <sys/types.h>

/* A signal waits for this thread that will end its wait. False where nobody can say. */
bool asker_is_called(pid_t thread);

#endif
