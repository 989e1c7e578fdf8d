/* Users and groups as a tree's own /etc/passwd and /etc/group know them. */
#ifndef ACCOUNTS_H
#define ACCOUNTS_H

#include <stddef.h>
#include <sys/types.h>

#include <msb/digest.h>
#include <msb/error.h>
#include <msb/store.h>

#define ACCOUNT_MAX_GROUPS 256

struct account {
	uid_t uid;
	gid_t gid;
	gid_t groups[ACCOUNT_MAX_GROUPS]; /* supplementary; where no group was named */
	size_t group_count;
	char home[256]; /* "/" when unknown */
};

/*
 * USER's words: "name", "uid", each with an optional ":group" or ":gid"; NULL is root. A number
 * alone has the group that passwd gives it, else 0. -ENOENT for a name the tree does not know.
 */
int account_find(struct msb_store *store, const struct msb_digest *tree, const char *user,
		 struct account *ret, struct msb_error *err);

/* --chown's words: as above, but a user alone that is a number sets the group to the same number,
 * and a colon with nothing behind it sets root's. */
int account_owner(struct msb_store *store, const struct msb_digest *tree, const char *owner,
		  uid_t *ret_uid, gid_t *ret_gid, struct msb_error *err);

/* Who owns what WORKDIR makes while USER's words are in effect: as --chown has it, but what the
 * tree does not know is root's, since only a RUN needs to know who that is. */
int account_maker(struct msb_store *store, const struct msb_digest *tree, const char *user,
		  uid_t *ret_uid, gid_t *ret_gid, struct msb_error *err);

#endif
