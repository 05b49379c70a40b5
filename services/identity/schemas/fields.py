"""What the fields of requests may hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from services.identity.domain.names import EMAIL_PATTERN
from services.identity.domain.passwords import LONGEST

Name = Annotated[str, Field(min_length=1, max_length=100)]
Line = Annotated[str, Field(min_length=1, max_length=200)]
Email = Annotated[str, Field(max_length=254, pattern=EMAIL_PATTERN)]
LoginName = Annotated[str, Field(min_length=3, max_length=64)]
Password = Annotated[SecretStr, Field(min_length=1, max_length=4 * LONGEST)]
MailedToken = Annotated[SecretStr, Field(min_length=10, max_length=200)]
#: Six digits of an application, or a recovery code, as typed.
Code = Annotated[str, Field(min_length=6, max_length=60)]
Telephone = Annotated[str, Field(pattern=r"^\+?[0-9][0-9 .\-]{5,24}$")]
Key = Annotated[str, Field(min_length=1, max_length=60)]
Id = Annotated[str, Field(min_length=1, max_length=64)]
