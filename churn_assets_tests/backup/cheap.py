"""Makes the password of a repository cheap to check, for tests: restic spends half a second on it each time."""

import json
import os
from base64 import b64decode, b64encode
from hashlib import scrypt, sha256
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

KEY, MAC, NONCE = 32, 16, 16
CHEAP = 2  # the least that scrypt allows


def cheapen(repository: Path, password: str) -> None:
    """Seals the master key of a repository anew, by the same password with the least cost."""
    [file] = (repository / "keys").iterdir()
    about = json.loads(file.read_bytes())
    sealed = b64decode(about["data"])
    nonce, content = sealed[:NONCE], sealed[NONCE:-MAC]
    master = _crypted(_derived(about, password), nonce, content)
    assert json.loads(master)["encrypt"]
    about["N"] = CHEAP
    key = _derived(about, password)
    nonce = os.urandom(NONCE)
    content = _crypted(key, nonce, master)
    about["data"] = b64encode(nonce + content + _tag(key, nonce, content)).decode()
    text = json.dumps(about).encode()
    file.unlink()
    file.with_name(sha256(text).hexdigest()).write_bytes(text)


def _derived(about: dict[str, object], password: str) -> bytes:
    """The key of a password: that of the cipher, then that of the tag."""
    n, r, p = (int(str(about[name])) for name in ("N", "r", "p"))
    salt = b64decode(str(about["salt"]))
    return scrypt(password.encode(), salt=salt, n=n, r=r, p=p, dklen=KEY + 2 * MAC, maxmem=2**28)


def _crypted(key: bytes, nonce: bytes, content: bytes) -> bytes:
    cipher = Cipher(algorithms.AES(key[:KEY]), modes.CTR(nonce)).encryptor()
    return cipher.update(content) + cipher.finalize()


def _tag(key: bytes, nonce: bytes, content: bytes) -> bytes:
    """Poly1305-AES: the second half of its key is the encrypted nonce."""
    k, r = key[KEY : KEY + MAC], key[KEY + MAC :]
    pad = Cipher(algorithms.AES(k), modes.ECB()).encryptor()
    return Poly1305.generate_tag(r + pad.update(nonce), content)
