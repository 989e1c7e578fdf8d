#include "docker_words.h"

#include <stddef.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof(*(table)))

bool docker_words_skip(const char *word, const char *next)
{
	static const char *const skipped[][2] = {
		{"buildx", "build"},   {"buildx", "du"},     {"buildx", "prune"},
		{"buildx", "version"}, {"builder", "build"}, {"builder", "prune"},
		{"system", "df"},      {"system", "info"},   {"system", "prune"},
	};

	for (size_t i = 0; i < COUNT(skipped); i++)
		if (strcmp(word, skipped[i][0]) == 0 && strcmp(next, skipped[i][1]) == 0)
			return true;
	return false;
}

/* What msb has instead of a word of docker's or podman's. */
struct hint {
	const char *word, *instead;
};

static const char *find_hint(const struct hint *hints, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(word, hints[i].word) == 0)
			return hints[i].instead;
	return NULL;
}

static const char no_containers[] = "msb runs no containers; 'msb debug REF -- COMMAND' "
				    "runs a command in a copy of a stage, a step or an "
				    "image";
static const char no_networks[] =
	"msb runs no containers; RUN's network is chosen by 'msb build --network'";
static const char no_volumes[] = "msb runs no containers; what RUN --mount=type=cache "
				 "keeps is listed by 'msb cache ls'";
static const char no_lists[] = "msb makes images for one platform: build and push one for each";
static const char no_working_containers[] =
	"msb has no working containers: write a Dockerfile, build it with 'msb build', and "
	"look into any step with 'msb debug'";
static const char one_builder[] = "there is one builder and nothing to choose: 'msb build'";

static const struct hint command_hints[] = {
	{"run", "msb runs no containers; a command in a copy of an image is run by "
		"'msb debug image:NAME -- COMMAND'"},
	{"exec", no_containers},
	{"container", no_containers},
	{"attach", no_containers},
	{"create", no_containers},
	{"kill", no_containers},
	{"pause", no_containers},
	{"pod", no_containers},
	{"port", no_containers},
	{"restart", no_containers},
	{"start", no_containers},
	{"stats", no_containers},
	{"stop", no_containers},
	{"top", no_containers},
	{"wait", no_containers},
	{"ps", "msb runs no containers; 'msb builds' lists what was built"},
	{"rm", "msb runs no containers; 'msb rmi IMAGE' removes an image"},
	{"network", no_networks},
	{"volume", no_volumes},
	{"compose", "msb builds one Dockerfile; several results: 'msb build --target A "
		    "--target B .'"},
	{"commit", "'msb debug --keep NAME' keeps what was changed in a copy"},
	{"logs", "'msb log REF' shows what a step, a stage or a build printed"},
	{"search", "msb asks registries for images by their names: 'msb pull NAME'"},
	{"manifest", no_lists},
	{"untag", "'msb rmi NAME' takes a name away"},
	{"scout", "a scanner reads the files that 'msb mount DIR' shows, or the archive of "
		  "'msb save'"},
	{"events", "'msb build --progress=rawjson' tells what a build does"},
	{"unshare", "msb sets up its namespaces itself, also for ordinary users"},
	{"context", "there is no daemon to choose; --root DIR names another store"},
	{"add", no_working_containers},
	{"config", no_working_containers},
	{"containers", no_working_containers},
	{"copy", no_working_containers},
	{"from", no_working_containers},
	{"buildx bake", "msb builds one Dockerfile; several results: 'msb build --target A "
			"--target B .'"},
	{"buildx imagetools", no_lists},
	{"image mount", "'msb mount DIR' shows all images, below DIR/images"},
	{"image unmount", "'msb umount DIR' takes the mount of all images away"},
	{"image exists", "'msb inspect NAME' fails where there is none"},
	{"image tree", "'msb history NAME' shows the layers"},
	{"image scp", "'msb save NAME | ssh HOST msb load'"},
	{"image search", "msb asks registries for images by their names: 'msb pull NAME'"},
	{"image untag", "'msb rmi NAME' takes a name away"},
	{"buildx", one_builder},
	{"builder", one_builder},
	{"system", "'msb du', 'msb prune', 'msb info'"},
};

const char *docker_words_instead(const char *word)
{
	return find_hint(command_hints, COUNT(command_hints), word);
}

static const char login[] = "'msb login REGISTRY' once, before; it is kept in "
			    "$DOCKER_CONFIG/config.json, where docker keeps it";
static const char trust[] =
	"list the registry as insecure in registries.json: 'man msb', REGISTRIES";
static const char platform[] = "--platform OS/ARCH, once for each build";
static const char rights[] = "RUN --security=insecure in the Dockerfile and --allow "
			     "security.insecure give a command all rights";
static const char binds[] = "RUN --mount=from=NAME in the Dockerfile and --build-context "
			    "NAME=DIR show a directory to a command";
static const char hosts[] = "commands use this host's resolv.conf; --add-host HOST:IP adds "
			    "a name";
static const char pulls[] = "without --pull only an image that is not here is fetched; "
			    "leave it out";
static const char in_file[] = "write it into the Dockerfile, by an ARG where it varies";
static const char spaces[] = "commands have namespaces of their own; leave it out";

static const struct hint option_hints[] = {
	{"all-platforms", platform},
	{"arch", platform},
	{"os", platform},
	{"variant", platform},
	{"authfile", login},
	{"creds", login},
	{"cert-dir", trust},
	{"tls-verify", trust},
	{"insecure", trust},
	{"build-arg-file", "--build-arg NAME=VALUE for each of its lines"},
	{"cache-ttl", "'msb prune --filter until=AGE' forgets older steps"},
	{"cap-add", rights},
	{"cap-drop", rights},
	{"device", rights},
	{"privileged", rights},
	{"cpp-flag", "run the file through cpp yourself: cpp … | msb build -f - DIR"},
	{"context", "the context is the command's operand: msb build DIR"},
	{"destination", "-t NAME, and --push to send it"},
	{"dockerfile", "-f FILE"},
	{"dns", hosts},
	{"dns-option", hosts},
	{"dns-search", hosts},
	{"env", in_file},
	{"unsetenv", in_file},
	{"unsetlabel", in_file},
	{"from", "--build-context NAME=docker-image://IMAGE puts another image in the "
		 "place of NAME"},
	{"http-proxy", "--build-arg HTTP_PROXY=URL; without it commands have no proxy"},
	{"ignorefile", "name it FILE.dockerignore, beside the Dockerfile FILE"},
	{"logfile", "2>FILE; 'msb log' shows it later, too"},
	{"manifest", "-t NAME: an image is for one platform"},
	{"no-push", "without --push nothing is sent"},
	{"policy", "pin base images by their digests: FROM NAME@sha256:…"},
	{"pull-never", pulls},
	{"pull-always", "--pull"},
	{"runtime", "commands are run by crun, by runc where that is missing"},
	{"save-stages", "every stage is kept: 'msb stages' lists them"},
	{"sign-by", "sign the image when it is in its registry"},
	{"stdin", "commands read nothing; a heredoc or RUN --mount gives them files"},
	{"userns", spaces},
	{"ipc", spaces},
	{"pid", spaces},
	{"uts", spaces},
	{"volume", binds},
	{"v", binds},
};

const char *docker_words_option(const char *option)
{
	return find_hint(option_hints, COUNT(option_hints), option);
}
