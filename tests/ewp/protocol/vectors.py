"""Three worked examples of the network's signatures: a GET, a POST with a body, and the answer to it.

Made by an independent program with a key whose private half was not kept.
"""

from datetime import UTC, datetime

from vaihto.ewp.protocol.http import Request, Response

NOW = datetime(2025, 3, 5, 10, 15, tzinfo=UTC)
HOST = "node.vaihto.example"
KEY_ID = "e15675a56dc5a438747be6295ed77fb2dbc79abefb0310e6136ce05b64922ab9"
PUBLIC = (
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAyCZDmRIN0UEn4vENmrFXio2Z5NH05ZvQbvvAFOBcMqeQ"
    "7Ha7P+9d+gIblaD51ceACNHK8+zFO8y7Poll7e+XFvbzMiG1GhDpJdQ5ECdFC3xcidOx96AmpSUT4qgilJpyUGS0"
    "/NCXEW9dUwL+sOb/BKL/untW0nDZK8raw3l1gGe2+eiienjLqcEuCZaKZRbwxngEk531vIiVO5AmEtNydf/xGmqn"
    "X5zXb5FH6CwkoC12FP/dHy2t1NB80fa44aqATzP9nS9Xcsx1OcCPgEC/r2MXxLWeSxoF1Qf3J/PikeARYLET20Ry"
    "UnbNo/5Uv7KJlkbpvQ9Yz3SzZMmeYyYMXQIDAQAB"
)
FIRST = (
    "C6ynLwwsuufE28negItFfoXLBU902+y66mv5KM1Y/F7lyIudCEAb8+7kSd/Hdb14hN8pGZ2wa6H2MoIE0UNENW3O"
    "Ri+Do+LrMwJGdl7Z5QmbiVUyRFa40B9hTvSKw/xjLKRhDncrpDaGX6f4J1Zf6KFWYkvCOotBWDbBqW85Des+Mfv5"
    "8n8jkwrNgigV+z1fhm9hxWwfihc8wAs/jOaUswZ8FHyYHkP17sGXibJqNVXpDjt3KnFqX1P9Ile1UiXYxTbYhl52"
    "3o5pPV2wG5WVH3MBA3jrcjjbNIQmvummBzn94nSxjRRm2JRWUELdpVNbIZSMoPd+LrBlQvKYK1WqeQ=="
)
SECOND = (
    "PfZ2CgVdsY6f47ox+iBkdynPAqRgJQaC5kDd5vse5zSh9EiyhCrPfv5NnvPmPBdAXVDuC6JuuFQNgEZo9OrOBMtK"
    "EBYIfrDMDl3GMAPe96v8QHKuA74141QAmSMovsh32qaXFJLjHxpDaxkx7CxiVu/2jHuXvxSUmdWP8wy3wcdI90aP"
    "k3o1MUtF1DNMD24q/bO1mzt0r1WcRNANlC0AF2m3WAcYpFGuNn/c6Db55xN9oIKFesokti50z+M1FrbMoqAiSZs/"
    "FgO9UGAULUqr3jTylQxTlgdTvuCpzeyT40zo2k0jiJt05CPTe8ujxpNkAjmuFgfbtQLUpvWEZsTdwQ=="
)
THIRD = (
    "aybTdK2THVFFkVrKidp67RSgC5xEZnLwhErDF3UgjDDmYpA1FR2LDbzbmjHucTjO6o4OJPjCqH9SkJdwTsZKufNb"
    "vuXEaSn+vQpXUjmm+CbGJ/fVGs7Jq0z1LT8CuFqSkPQQCQ0eV3uCGtw/MGWtXJ12bNRgyx/mhzYLdFvPNzKrp8l8"
    "FAO0RDw6wpe0XFIzxgv/XpFK6lsgfbYKGvru9zSD9xoXN/jFeclR2I6Tfp4N7y4uaHbwejuq7u6lc77rbTxmm9Zu"
    "uBDjE3+1odqw83lIPLtjGGexKcwBuKZguU880qjARHEdbtDKADNeAlNqOOFW2vBXRUgw5xuNs63iiw=="
)


def _parameters(headers: str, signature: str) -> str:
    return f'keyId="{KEY_ID}",algorithm="rsa-sha256",headers="{headers}",signature="{signature}"'


GET = Request(
    "GET",
    "/ewp/echo/v2?echo=a&echo=b&echo=a",
    (
        ("Host", HOST),
        ("Date", "Wed, 05 Mar 2025 10:15:00 GMT"),
        ("Digest", "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
        ("X-Request-Id", "7f3d2c1e-0b5a-4c8e-9a61-2d4f6e8b0c13"),
        (
            "Authorization",
            "Signature " + _parameters("(request-target) host date digest x-request-id", FIRST),
        ),
    ),
)
GET_STRING = b"""(request-target): get /ewp/echo/v2?echo=a&echo=b&echo=a
host: node.vaihto.example
date: Wed, 05 Mar 2025 10:15:00 GMT
digest: SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
x-request-id: 7f3d2c1e-0b5a-4c8e-9a61-2d4f6e8b0c13"""

POST = Request(
    "POST",
    "/ewp/echo/v2",
    (
        ("Host", HOST),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Length", "34"),
        ("Original-Date", "Wed, 05 Mar 2025 10:15:01 GMT"),
        ("Digest", "SHA-256=ws6s0voJe1QuideEvUW7yBQo1lQQfw+fAwnIk4DTbpY="),
        ("X-Request-Id", "b1c0ffee-5a5a-4d4d-8f8f-0123456789ab"),
        ("Accept-Signature", "rsa-sha256"),
        ("Want-Digest", "SHA-256"),
        (
            "Authorization",
            "Signature "
            + _parameters(
                "(request-target) host content-type original-date digest x-request-id "
                "accept-signature want-digest",
                SECOND,
            ),
        ),
    ),
    b"echo=a&echo=%C3%A9t%C3%A9&echo=x+y",
)
POST_STRING = b"""(request-target): post /ewp/echo/v2
host: node.vaihto.example
content-type: application/x-www-form-urlencoded
original-date: Wed, 05 Mar 2025 10:15:01 GMT
digest: SHA-256=ws6s0voJe1QuideEvUW7yBQo1lQQfw+fAwnIk4DTbpY=
x-request-id: b1c0ffee-5a5a-4d4d-8f8f-0123456789ab
accept-signature: rsa-sha256
want-digest: SHA-256"""

ANSWER = Response(
    200,
    (
        ("Content-Type", "application/xml; charset=utf-8"),
        ("Content-Length", "222"),
        ("Original-Date", "Wed, 05 Mar 2025 10:15:02 GMT"),
        ("Digest", "SHA-256=KPp2lXWC+PCrJ8R+NKHy67vnfnZGt029nvQ8WL218aQ="),
        ("X-Request-Id", "b1c0ffee-5a5a-4d4d-8f8f-0123456789ab"),
        ("X-Request-Signature", SECOND),
        (
            "Signature",
            _parameters(
                "content-type original-date digest x-request-id x-request-signature", THIRD
            ),
        ),
    ),
    '<?xml version="1.0" encoding="UTF-8"?><response xmlns="https://github.com/erasmus-without-paper/'
    'ewp-specs-api-echo/tree/stable-v2"><hei-id>partner.example</hei-id><echo>a</echo><echo>été</echo>'
    "<echo>x y</echo></response>".encode(),
)
ANSWER_STRING = b"""content-type: application/xml; charset=utf-8
original-date: Wed, 05 Mar 2025 10:15:02 GMT
digest: SHA-256=KPp2lXWC+PCrJ8R+NKHy67vnfnZGt029nvQ8WL218aQ=
x-request-id: b1c0ffee-5a5a-4d4d-8f8f-0123456789ab
x-request-signature: """ + SECOND.encode()
