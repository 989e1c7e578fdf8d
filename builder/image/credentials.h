/*
 * Who somebody is to a registry: what `docker login` and its kin left in their files, and what
 * credential helpers know. The files, the first that knows something wins:
 *
 *   $REGISTRY_AUTH_FILE alone, where it is set; otherwise
 *   $DOCKER_CONFIG/config.json or ~/.docker/config.json
 *   $XDG_RUNTIME_DIR/containers/auth.json
 *   $XDG_CONFIG_HOME/containers/auth.json or ~/.config/containers/auth.json
 *
 * Nothing of this appears in a message, ever.
 */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include <stdbool.h>

#include <msb/error.h>

/* A value that owns all it points to; all NULL: nobody. Either the first two, or the third. */
struct credentials {
	char *user, *password;
	char *identity; /* a token to get tokens with, instead of the password */
};

/* repository, "a/b", may be NULL; auth.json knows such places too. */
int credentials_find(const char *domain, const char *repository, struct credentials *ret,
		     struct msb_error *err);

/* Into the helper that the first of the files names for this registry, otherwise into that file,
 * which is replaced as a whole and readable by its owner alone. */
int credentials_keep(const char *domain, const struct credentials *credentials,
		     struct msb_error *err);
/* *ret_known: there was something to forget. */
int credentials_forget(const char *domain, bool *ret_known, struct msb_error *err);

/* Overwrites what it releases. */
void credentials_done(struct credentials *credentials);
#define autocredentials __attribute__((cleanup(credentials_done))) struct credentials

#endif
