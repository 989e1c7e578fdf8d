/*
 * What an image says of how to run it: the container configuration that Dockerfile instructions
 * change and image documents carry (OCI image-spec 1.1 config.md, "config", with Docker's further
 * keys). A value that owns all it points to.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "strlist.h"

struct healthcheck {
	struct strlist test; /* "NONE"; "CMD", words…; "CMD-SHELL", text */
	int64_t interval_ns; /* 0 in any of these: inherit or default */
	int64_t timeout_ns;
	int64_t start_period_ns;
	int64_t start_interval_ns;
	int64_t retries;
};

struct config {
	char *user;        /* owned, as all below; NULL: not set */
	char *working_dir; /* absolute; NULL: not set */
	char *stop_signal;
	char *author;
	struct strlist env;    /* NAME=VALUE, order kept */
	struct strlist labels; /* NAME=VALUE, sorted when written out */
	struct strlist ports;  /* "80/tcp", sorted */
	struct strlist volumes;
	struct strlist onbuild; /* instructions as text */
	struct strlist entrypoint;
	struct strlist cmd;
	struct strlist shell; /* empty: the default ["/bin/sh", "-c"] */
	bool has_entrypoint;  /* an empty list that was set is not an unset one */
	bool has_cmd;
	bool args_escaped; /* Docker's ArgsEscaped */
	bool has_healthcheck;
	struct healthcheck healthcheck;
};

/* ret is overwritten, not released first. 0 or -ENOMEM (ret is then empty). */
int config_copy(const struct config *config, struct config *ret);
void config_done(struct config *config);

#define autoconfig __attribute__((cleanup(config_done))) struct config

#endif
