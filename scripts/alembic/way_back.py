#!/usr/bin/env python3
"""Tries the way back with the real Alembic, SQLAlchemy, bcrypt and python-jose: PORTICO=path/to/portico way_back.py

Needs what fixtures.py needs. At each revision the backend is taken over, an account is made, and the backend comes back.
"""
import json
import os
import re
import subprocess
import tempfile
import urllib.parse
import urllib.request

import bcrypt
import sqlalchemy as sa
from jose import jwt
from sqlalchemy.orm import Session

from backend import PEOPLE, REVISIONS, Backend, live, return_to_work
from fixtures import ROOT, fresh, hash, upgrade

EMAIL, PASSWORD = "made.by.portico@example.com", "Gr8&Sturdy!bridge"


def serve(url, directory, talk):
    keys = {f"JWT_{half.upper()}_KEY": (ROOT / f"modules/gatewaytest/jwt_{half}.pem").read_text() for half in ("private", "public")}
    environment = {"DATABASE_URL": url, "PORTICO_LISTEN": "127.0.0.1:0", "PORTICO_INTERNAL_LISTEN": "127.0.0.1:0", **keys}
    gateway = subprocess.Popen([os.environ["PORTICO"]], cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        return talk(re.search(r"http://\S+", gateway.stdout.readline()).group(0))
    finally:
        gateway.terminate()
        assert gateway.wait() == 0


def register(address):
    def post(path, content, kind):
        with urllib.request.urlopen(urllib.request.Request(address + path, content.encode(), {"Content-Type": kind})) as reply:
            return json.load(reply)

    post("/api/auth/register", json.dumps({"email": EMAIL, "password": PASSWORD}), "application/json")
    form = urllib.parse.urlencode({"username": EMAIL, "password": PASSWORD})
    return post("/api/auth/login", form, "application/x-www-form-urlencoded")["access_token"]


def main():
    admin = sa.create_engine(os.environ["DATABASE_URL"], isolation_level="AUTOCOMMIT")
    hashes = [hash(password, 4) for _, _, _, password, _, _ in PEOPLE]
    for last, revision in enumerate(REVISIONS):
        engine = fresh(admin, "portico_way_back")
        for number in range(last + 1):
            upgrade(engine, REVISIONS[number])
            with Session(engine) as session:
                live(session, Backend(number), hashes)
        url = engine.url.set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)
        with tempfile.TemporaryDirectory() as directory:
            token = serve(url, directory, register)

        upgrade(engine, revision)  # the backend of that revision starts: its head is where the database is
        backend = Backend(last)
        with Session(engine) as session:
            user = session.execute(sa.select(backend.User).where(backend.User.email == EMAIL)).scalar_one()
            assert user.is_active and not user.is_superuser
            assert bcrypt.checkpw(PASSWORD.encode(), user.hashed_password.encode())
            key = (ROOT / "modules/gatewaytest/jwt_public.pem").read_text()
            assert jwt.decode(token, key, algorithms=["RS256"])["sub"] == user.id
            return_to_work(session, backend, hashes[0])
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all() == [revision]

        upgrade(engine, "head", stamp=True)  # a newer backend: Portico has made what its Alembic would make, and says so first
        upgrade(engine, "head")
        with Session(engine) as session:
            assert len(session.execute(sa.select(Backend(5).User)).all()) == len(PEOPLE) + 3
        engine.dispose()
        print(revision, "taken over and given back")
    with admin.connect() as connection:
        connection.exec_driver_sql("DROP DATABASE portico_way_back WITH (FORCE)")


if __name__ == "__main__":
    main()
