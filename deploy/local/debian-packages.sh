#!/bin/sh
# Installs the Debian packages that are missing, without starting their services:
# debian-packages.sh <mongod|rabbitmq|nginx|chromium>...
#
#   mongod    libcurl4 (the embedded MongoDB is linked with it), unless MONGODB_URL is given
#   rabbitmq  rabbitmq-server, unless AMQP_URL is given or a Docker engine answers
#   nginx     nginx-light, to try the gateway's configuration
#   chromium  chromium, in which the portal's tests are driven
#
# Only as root; otherwise it says what is missing and what may be given instead.
set -eu
# Users other than root have no sbin in their PATH.
PATH=$PATH:/usr/sbin:/sbin

missing=""
advice=""

need() {
    missing="$missing $1"
    advice="$advice
  $1: $2"
}

docker_answers() {
    command -v docker >/dev/null 2>&1 && timeout 10 docker info >/dev/null 2>&1
}

for part in "$@"; do
    case $part in
        mongod)
            [ -n "${MONGODB_URL:-}" ] || ldconfig -p | grep -q 'libcurl\.so\.4 ' ||
                need libcurl4 "or give MONGODB_URL (a replica set, version 6 to 8)"
            ;;
        rabbitmq)
            [ -n "${AMQP_URL:-}" ] || [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] ||
                docker_answers ||
                need rabbitmq-server "or give AMQP_URL, or start a Docker engine"
            ;;
        nginx)
            command -v nginx >/dev/null ||
                need nginx-light "any nginx in the PATH will do"
            ;;
        chromium)
            command -v chromium >/dev/null || need chromium "any chromium in the PATH will do"
            ;;
        *)
            echo "unknown part: $part" >&2
            exit 2
            ;;
    esac
done

[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "Missing on this machine (install as root on Debian: apt-get install$missing):$advice" >&2
    exit 1
fi

# While this file says 101, packages do not start their services. One that is there already
# (containers have one) comes back at the end, whatever happens.
policy=/usr/sbin/policy-rc.d
kept=""
if [ -e "$policy" ]; then
    kept=$(mktemp)
    cp --preserve "$policy" "$kept"
fi
restore() {
    if [ -n "$kept" ]; then
        cp --preserve "$kept" "$policy"
        rm -f "$kept"
    else
        rm -f "$policy"
    fi
}
trap restore EXIT
trap 'exit 130' INT TERM
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

export DEBIAN_FRONTEND=noninteractive
install() {
    # shellcheck disable=SC2086 # one word per package
    apt-get install --yes --quiet --no-install-recommends $missing </dev/null
}

log=$(mktemp)
echo "setup: installing Debian packages:$missing"
# The lists may be absent or too old: then, and only then, they are fetched.
if ! install >"$log" 2>&1 && ! { apt-get update --quiet && install; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    echo "The Debian packages could not be installed:$advice" >&2
    exit 1
fi
rm -f "$log"
