# Clients' certificates, made by openssl.
import ssl
import subprocess
from pathlib import Path


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


class Certificate:
    """A certificate with its key. `issuer` None is self-signed."""

    def __init__(self, environment, name, addresses, issuer="clients", days=2):
        directory = Path(environment.directory)
        self.path, self.key = directory / f"{name}.crt", directory / f"{name}.key"
        names = ",".join(f"otherName:1.3.6.1.5.5.7.8.5;UTF8:{address}" for address in addresses)
        (directory / f"{name}.ext").write_text(f"subjectAltName={names}\n" if names else "")
        request = directory / f"{name}.csr"
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                f"/CN={name}", "-keyout", self.key, "-out", request)
        signer = ["-signkey", self.key] if issuer is None else \
            ["-CA", directory / f"{issuer}.crt", "-CAkey", directory / f"{issuer}.key", "-CAcreateserial"]
        openssl("x509", "-req", "-in", request, "-days", days, "-extfile", directory / f"{name}.ext", *signer,
                "-out", self.path)


def context_with(environment, certificate, host=None, version=None):
    context = ssl.create_default_context(cafile=environment.certificates[host or environment.host])
    if version:
        context.minimum_version = context.maximum_version = version
    context.load_cert_chain(certificate.path, certificate.key)
    return context
