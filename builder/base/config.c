#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

static int copy_text(const char *from, char **ret)
{
	if (!from)
		return 0;
	*ret = strdup(from);
	return *ret ? 0 : -ENOMEM;
}

int config_copy(const struct config *config, struct config *ret)
{
	*ret = (struct config){
		.has_entrypoint = config->has_entrypoint,
		.has_cmd = config->has_cmd,
		.args_escaped = config->args_escaped,
		.has_healthcheck = config->has_healthcheck,
		.healthcheck = config->healthcheck,
	};
	ret->healthcheck.test = (struct strlist){0};
	if (copy_text(config->user, &ret->user) < 0 ||
	    copy_text(config->working_dir, &ret->working_dir) < 0 ||
	    copy_text(config->stop_signal, &ret->stop_signal) < 0 ||
	    copy_text(config->author, &ret->author) < 0 ||
	    strlist_copy(&ret->env, &config->env) < 0 ||
	    strlist_copy(&ret->labels, &config->labels) < 0 ||
	    strlist_copy(&ret->ports, &config->ports) < 0 ||
	    strlist_copy(&ret->volumes, &config->volumes) < 0 ||
	    strlist_copy(&ret->onbuild, &config->onbuild) < 0 ||
	    strlist_copy(&ret->entrypoint, &config->entrypoint) < 0 ||
	    strlist_copy(&ret->cmd, &config->cmd) < 0 ||
	    strlist_copy(&ret->shell, &config->shell) < 0 ||
	    strlist_copy(&ret->healthcheck.test, &config->healthcheck.test) < 0) {
		config_done(ret);
		return -ENOMEM;
	}
	return 0;
}

void config_done(struct config *config)
{
	free(config->user);
	free(config->working_dir);
	free(config->stop_signal);
	free(config->author);
	strlist_done(&config->env);
	strlist_done(&config->labels);
	strlist_done(&config->ports);
	strlist_done(&config->volumes);
	strlist_done(&config->onbuild);
	strlist_done(&config->entrypoint);
	strlist_done(&config->cmd);
	strlist_done(&config->shell);
	strlist_done(&config->healthcheck.test);
	*config = (struct config){0};
}
