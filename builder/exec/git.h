/* Repositories, through the git program. */
#ifndef GIT_H
#define GIT_H

#include <stdbool.h>
#include <stdint.h>

#include <msb/error.h>

#include "git_reference.h"
#include "lent.h"

/*
 * Checks out what reference names into directory, which must not exist: as shallow as the server
 * allows, with submodules unless they were declined. Without keep_git_dir nothing is left but the
 * files. Runs as the user, with the user's configuration and what was lent for its host and for ssh
 * ("default"), and never asks for a password.
 * *ret_made: when the commit was, in seconds since 1970.
 * -ENOENT where the program is missing, -EBADMSG for another commit than the checksum says.
 */
int git_check_out(const struct git_reference *reference, const char *directory, bool keep_git_dir,
		  const struct lent *lent, int64_t *ret_made, struct msb_error *err);

#endif
