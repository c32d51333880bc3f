#!/usr/bin/env python3
"""Writes migrations/alembictest/testdata anew, with the real Alembic, SQLAlchemy, bcrypt and python-jose.

Needs DATABASE_URL, a PostgreSQL server on which databases may be made, and on Debian the packages python3-alembic,
python3-psycopg2, python3-bcrypt and python3-jose. Every statement that changes something is recorded as it is sent.
"""
import json
import os
import pathlib

import alembic.command
import bcrypt
import sqlalchemy as sa
from alembic.config import Config
from jose import jwt
from sqlalchemy.orm import Session

from backend import PEOPLE, REVISIONS, Backend, live, return_to_work

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
OUT = ROOT / "migrations/alembictest/testdata"


def hash(password, rounds):
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds)).decode()


def upgrade(engine, revision, stamp=False):
    config = Config()
    config.set_main_option("script_location", str(HERE))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        (alembic.command.stamp if stamp else alembic.command.upgrade)(config, revision)


class Recorder:
    """What an engine sends."""

    def __init__(self, engine, words):
        self.lines = []

        @sa.event.listens_for(engine, "before_cursor_execute")
        def record(_, cursor, statement, parameters, context, many):
            if statement.split()[0] in words:
                for one in parameters if many else [parameters]:
                    self.lines.append(cursor.mogrify(statement, one or None).decode().strip() + ";\n")

    def take(self):
        lines, self.lines[:] = "".join(self.lines), []
        return lines


def fresh(admin, name):
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    return sa.create_engine(admin.url.set(database=name))


def main():
    admin = sa.create_engine(os.environ["DATABASE_URL"], isolation_level="AUTOCOMMIT")
    OUT.mkdir(parents=True, exist_ok=True)
    hashes = [hash(password, rounds) for _, _, _, password, rounds, _ in PEOPLE]
    for last, revision in enumerate(REVISIONS):
        engine = fresh(admin, "portico_fixtures")
        recorder = Recorder(engine, {"CREATE", "ALTER", "INSERT", "UPDATE", "DELETE"})
        for number in range(last + 1):
            upgrade(engine, REVISIONS[number])
            made = recorder.take()
            with Session(engine) as session:
                live(session, Backend(number), hashes)
            used = recorder.take()
        (OUT / f"{revision}.sql").write_text(f"-- Alembic\n{made}-- the backend\n{used}")
        recorder = Recorder(engine, {"SELECT", "INSERT", "UPDATE", "DELETE"})
        upgrade(engine, revision)
        with Session(engine) as session:
            return_to_work(session, Backend(last), hash("Orbital&Mechanics62", 6))
        (OUT / f"{revision}.back.sql").write_text(recorder.take())
        engine.dispose()
    with admin.connect() as connection:
        connection.exec_driver_sql("DROP DATABASE portico_fixtures WITH (FORCE)")

    key = (ROOT / "modules/gatewaytest/jwt_private.pem").read_text()
    claims = {"sub": PEOPLE[0][0], "exp": 1704728800, "iat": 1704700000}
    (OUT / "token.txt").write_text(jwt.encode(claims, key, algorithm="RS256"))
    people = [{"id": id, "email": email, "password": password} for id, email, _, password, _, _ in PEOPLE]
    (OUT / "people.json").write_text(json.dumps(people, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
