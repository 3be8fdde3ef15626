#!/bin/sh
# Makes the password file from the secrets and becomes Mosquitto. The user of the secret mqtt-NAME is NAME.
# Variables for a set-up of another shape: SECRETS, PASSWORDS, CONFIG.
set -eu
umask 077

secrets=${SECRETS:-/run/secrets}
passwords=${PASSWORDS:-/run/mosquitto/passwords}
config=${CONFIG:-/mosquitto/config/mosquitto.conf}

: >"$passwords"
for secret in "$secrets"/mqtt-*; do
  [ -s "$secret" ] || { echo "start.sh: no secret, or an empty one: $secret" >&2; exit 78; }
  password=$(cat "$secret")
  case $password in *:*) echo "start.sh: mosquitto_passwd cannot read a password with a colon: $secret" >&2; exit 78 ;; esac
  printf '%s:%s\n' "${secret##*/mqtt-}" "$password" >>"$passwords"
done
mosquitto_passwd -U "$passwords" # hashes in place; no password ever stands on a command line

exec mosquitto -c "$config"
