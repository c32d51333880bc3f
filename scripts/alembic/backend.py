"""The tables of the FastAPI backend as its SQLAlchemy models see them at a revision, and what it does with them."""
import datetime
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import registry, relationship

REVISIONS = ["38efeff7c45a", "676084df61d1", "a3f9c2d14e87", "c7e8f9a0b1d2", "dd6ad2f2c211", "e1f2a3b4c5d6"]
UTC = datetime.timezone.utc


def times():
    return [
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), onupdate=sa.func.now(), nullable=False),
    ]


def key():
    return sa.Column("id", sa.String(36), primary_key=True, default=lambda: str(uuid.uuid4()))


class Backend:
    """The models of the backend at the revision with that number, counted from 0."""

    def __init__(self, at):
        self.at = at
        mapper, since = registry(), lambda n, *columns: columns if at >= n else ()

        class User:
            pass

        class Profile:
            pass

        class Group:
            pass

        class Membership:
            pass

        self.User, self.Profile, self.Group, self.Membership = User, Profile, Group, Membership
        users = sa.Table(
            "users", mapper.metadata, key(),
            sa.Column("email", sa.String(320), unique=True, index=True, nullable=False),
            sa.Column("full_name", sa.String(255)),
            sa.Column("hashed_password", sa.String(255), nullable=False),
            sa.Column("is_active", sa.Boolean, default=True, server_default=sa.text("true"), nullable=False),
            sa.Column("is_superuser", sa.Boolean, default=False, server_default=sa.text("false"), nullable=False),
            *times(),
            *since(3, sa.Column("dashboard_app_ids", sa.JSON, default=list, server_default="[]", nullable=False)),
            *since(4, sa.Column("color_mode", sa.String(10))),
        )
        mapper.map_imperatively(User, users)
        if at >= 1:
            mapper.map_imperatively(Profile, sa.Table(
                "profiles", mapper.metadata, key(),
                sa.Column("user_id", sa.ForeignKey("users.id", ondelete="CASCADE"), unique=True, nullable=False),
                sa.Column("phone", sa.String(20)), sa.Column("date_of_birth", sa.Date),
                sa.Column("position", sa.String(128)), sa.Column("address", sa.String(255)), *times(),
            ))
        if at >= 2:
            mapper.map_imperatively(Group, sa.Table(
                "groups", mapper.metadata, key(),
                sa.Column("name", sa.String(128), unique=True, index=True, nullable=False),
                sa.Column("description", sa.String(512)), *times(),
            ), properties={"memberships": relationship(Membership, passive_deletes=True)})
            mapper.map_imperatively(Membership, sa.Table(
                "group_memberships", mapper.metadata,
                sa.Column("group_id", sa.ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True),
                sa.Column("user_id", sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True),
                sa.Column("joined_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
                *since(5, sa.Column("is_group_admin", sa.Boolean, default=False, server_default=sa.text("false"), nullable=False)),
            ))
        self.metadata = mapper.metadata


def make(session, model, **values):
    row = model()
    for name, value in values.items():
        setattr(row, name, value)
    session.add(row)
    session.commit()
    return row


def at(text):
    return datetime.datetime.fromisoformat(text).replace(tzinfo=UTC)


# Who is there. The addresses are as EmailStr of pydantic v2 leaves them (the domain in lower case and in Unicode, the
# rest as it was typed), but for the operator's, which a script has put in. Two people differ by case alone.
PEOPLE = [
    # id, address, name, password, bcrypt rounds, created
    ("0a1d6c5e-3c52-4f7e-9d3b-6f0c2b8e4a01", "ada@example.com", "Ada Lovelace", "Analytical!Engine1843", 13, "2024-01-08T09:00:00.000001"),
    ("1b2e7d6f-4d63-4a8f-8e4c-7a1d3c9f5b02", "Grace.Hopper@example.com", "Grace Hopper", "Cobol&Compiler1952", 6, "2024-01-09T10:30:00.120000"),
    ("2c3f8e70-5e74-4b90-9f5d-8b2e4da06c03", "björn@bücher.example", None, "Bücher+Regal2024", 6, "2024-02-29T23:59:59.999999"),
    ("3d409f81-6f85-4ca1-8a6e-9c3f5eb17d04", "Alan.Turing@example.com", "Alan Turing", "Bombe#Bletchley41", 6, "2024-03-01T00:00:00"),
    ("4e51a092-7096-4db2-9b7f-ad406fc28e05", "alan.turing@example.com", "Another Alan", "Other#Person1999x", 6, "2024-03-02T00:00:00"),
    ("5f62b1a3-81a7-4ec3-8c80-be5170d39f06", "Operator@LOCALHOST", "Operator", "Machine?Room0000", 6, "2024-03-03T00:00:00"),
    ("6073c2b4-92b8-4fd4-9d91-cf6281e4a007", "left@example.com", "Gone Person", "Farewell;Letter77", 6, "2024-03-04T00:00:00"),
]
ENGINEERS, OFFICE = "71840d3c-5ac9-40e5-8ea2-d0739205b108", "82951e4d-6bda-41f6-9fb3-e184a316c209"


def live(session, backend, hashes):
    """What happened while that revision was the newest."""
    if backend.at == 0:
        for (id, email, name, _, _, created), hash in zip(PEOPLE, hashes):
            make(session, backend.User, id=id, email=email, full_name=name, hashed_password=hash, created_at=at(created), updated_at=at(created),
                 is_active=email != "left@example.com", is_superuser=name == "Ada Lovelace")
    if backend.at == 1:
        make(session, backend.Profile, id="93a62f5e-7ceb-4207-80c4-f295b427d30a", user_id=PEOPLE[0][0], phone="+44 (20) 7946-0000",
             date_of_birth=datetime.date(1815, 12, 10), position="Analyst", address="12 St James's Square, „London“", created_at=at("2024-04-01T08:00:00"))
        make(session, backend.Profile, id="a4b7306f-8dfc-4318-91d5-03a6c538e40b", user_id=PEOPLE[1][0])
    if backend.at == 2:
        for id, name, text in [(ENGINEERS, "Engineers", "They <build> & mend"), (OFFICE, "Büro", None)]:
            make(session, backend.Group, id=id, name=name, description=text, created_at=at("2024-05-01T12:00:00.500000"))
        for person in (0, 1):
            make(session, backend.Membership, group_id=ENGINEERS, user_id=PEOPLE[person][0], joined_at=at("2024-05-02T07:08:09.010203"))
        make(session, backend.Membership, group_id=OFFICE, user_id=PEOPLE[0][0])
    if backend.at == 3:
        session.get(backend.User, PEOPLE[0][0]).dashboard_app_ids = ["docs", "crm-2"]
    if backend.at == 4:
        session.get(backend.User, PEOPLE[0][0]).color_mode = "dark"
    if backend.at == 5:
        session.get(backend.Membership, (ENGINEERS, PEOPLE[0][0])).is_group_admin = True
    session.commit()


def return_to_work(session, backend, hash):
    """A day of the backend after the way back: it reads and writes everything it has."""
    User, Profile, Group, Membership = backend.User, backend.Profile, backend.Group, backend.Membership
    assert session.execute(sa.select(User).where(User.email == "Grace.Hopper@example.com")).scalar_one().is_active
    newcomer = make(session, User, id="b5c84170-9e0d-4429-82e6-14b7d649f50c", email="Katherine.Johnson@example.com", full_name="Katherine Johnson", hashed_password=hash)
    make(session, User, id="c6d95281-af1e-453a-93f7-25c8e75a060d", email="mary@example.com", hashed_password=hash)
    passing = make(session, User, id="d7ea6392-b02f-464b-a408-36d9f86b170e", email="passing@example.com", hashed_password=hash)
    newcomer.full_name = "Katherine G. Johnson"
    session.commit()
    if backend.at >= 1:
        make(session, Profile, id="e8fb74a3-c130-475c-b519-47ea097c280f", user_id=newcomer.id, position="Computer")
    if backend.at >= 2:
        group = make(session, Group, id="f90c85b4-d241-486d-862a-58fb1a8d3910", name="Orbits", description="Trajectories")
        make(session, Membership, group_id=group.id, user_id=newcomer.id)
        make(session, Membership, group_id=group.id, user_id=passing.id)
        session.execute(sa.select(Group, sa.func.count(Membership.user_id)).outerjoin(Membership).group_by(Group.id).order_by(Group.name)).all()
    if backend.at >= 3:
        newcomer.dashboard_app_ids = ["docs"]
        session.commit()
    if backend.at >= 4:
        newcomer.color_mode = "light"
        session.commit()
    if backend.at >= 5:
        session.get(Membership, (group.id, newcomer.id)).is_group_admin = True
        session.commit()
    session.delete(passing)
    session.commit()
    if backend.at >= 2:
        assert [m.user_id for m in group.memberships] == [newcomer.id]
