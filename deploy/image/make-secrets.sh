#!/bin/sh
# Makes the secrets of docker-compose.yml in deploy/secrets: random, each once. What is there
# already is kept; delete a file to have it made again (a database or broker password: delete
# all but mongodb_keyfile, mongodb_root_password, preau_signing_keys and the field keys, without
# which what they sealed is lost).
# Needs python3 and openssl; asks nothing of the network.
set -eu
cd "$(dirname "$0")/../.."

umask 077
mkdir -p deploy/secrets
chmod 700 deploy/secrets
exec python3 - <<'PYTHON'
import base64, hashlib, json, os, pathlib, secrets, subprocess

folder = pathlib.Path("deploy/secrets")
services = ("identity", "family", "booking", "billing", "notify")


def write(name, text):
    """The folder is closed to others; the files are not, because the containers' users, who are
    nobody on this machine, must read them."""
    file = folder / name
    file.write_text(text)
    file.chmod(0o444)
    print(f"deploy/secrets/{name}")


def signing_keys():
    """A private JSON Web Key Set with one Ed25519 key, as identity takes it."""
    key = subprocess.run(
        ["openssl", "genpkey", "-algorithm", "ed25519", "-outform", "DER"],
        check=True, capture_output=True,
    ).stdout
    public = subprocess.run(
        ["openssl", "pkey", "-inform", "DER", "-pubout", "-outform", "DER"],
        input=key, check=True, capture_output=True,
    ).stdout
    text = lambda raw: base64.urlsafe_b64encode(raw[-32:]).rstrip(b"=").decode()
    jwk = {"kty": "OKP", "crv": "Ed25519", "kid": secrets.token_hex(8),
           "d": text(key), "x": text(public)}
    return json.dumps({"keys": [jwk]})


def field_keys():
    """One key for sealed fields, as PREAU_FIELD_KEYS takes it."""
    return json.dumps({secrets.token_hex(4): base64.b64encode(os.urandom(32)).decode()})


def rabbitmq_hash(password):
    """RabbitMQ's salted SHA-256."""
    salt = secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


single = {
    # A key file is base64, 6 to 1024 characters.
    "mongodb_keyfile": lambda: base64.b64encode(os.urandom(567)).decode(),
    "mongodb_root_password": lambda: secrets.token_urlsafe(32),
    "preau_signing_keys": signing_keys,
    "identity_field_keys": field_keys,
    "family_field_keys": field_keys,
    "billing_field_keys": field_keys,
    "portal_field_keys": field_keys,
}
for name, make in single.items():
    if not (folder / name).exists():
        write(name, make())

if not (folder / "mongodb_users").exists():
    passwords = {service: secrets.token_urlsafe(32) for service in services}
    for service, password in passwords.items():
        write(
            f"{service}_mongodb_url",
            f"mongodb://{service}:{password}@mongodb:27017/?replicaSet=rs0&authSource=admin",
        )
    write("mongodb_users", json.dumps(passwords))

if not (folder / "rabbitmq_definitions").exists():
    definitions = pathlib.Path("deploy/rabbitmq/definitions.json").read_text()
    for service in services:
        password = secrets.token_urlsafe(32)
        definitions = definitions.replace(f"@{service}@", rabbitmq_hash(password))
        write(f"{service}_amqp_url", f"amqp://{service}:{password}@rabbitmq:5672/")
    write("rabbitmq_definitions", definitions)
PYTHON
