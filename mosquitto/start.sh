#!/bin/sh
# Creates the password file from the secrets, then runs Mosquitto. The secret mqtt-NAME has the password of the user NAME.
# The variables SECRETS, PASSWORDS and CONFIG override the default paths.
set -eu
umask 077

secrets=${SECRETS:-/run/secrets}
passwords=${PASSWORDS:-/run/mosquitto/passwords}
config=${CONFIG:-/mosquitto/config/mosquitto.conf}

: >"$passwords"
for secret in "$secrets"/mqtt-*; do
  [ -s "$secret" ] || { echo "start.sh: the secret is missing or empty: $secret" >&2; exit 78; }
  password=$(cat "$secret")
  case $password in *:*) echo "start.sh: mosquitto_passwd cannot read a password with a colon: $secret" >&2; exit 78 ;; esac
  printf '%s:%s\n' "${secret##*/mqtt-}" "$password" >>"$passwords"
done
mosquitto_passwd -U "$passwords" # hashes in place, so no password appears on a command line

exec mosquitto -c "$config"
