# The POP3 server of Twisted: its protocol class, for Maildirs. Usage: twisted_pop3.py CONFIGURATION
#
# The configuration is JSON: `port`, `tlsPort`, `certificate`, `key` and `users`: for each name its `password` and its
# `maildir`. Twisted's own class for Maildirs hashes and sends text, which fails in Python 3.
import json
import os
import sys
from hashlib import md5

from OpenSSL import crypto
from twisted.cred import checkers, portal
from twisted.internet import protocol, reactor, ssl
from twisted.mail import pop3
from zope.interface import implementer


@implementer(pop3.IMailbox)
class Maildrop:
    """Files with LF at the end of every line, which Twisted sends as CRLF. It announces the size of the file."""

    def __init__(self, maildir):
        folders = [os.path.join(maildir, name) for name in ("new", "cur")]
        paths = [os.path.join(folder, name) for folder in folders for name in os.listdir(folder)]
        self.paths = sorted(paths, key=os.path.basename)
        self.deleted = set()

    def path(self, index):
        # Twisted answers with -ERR. If the words were text, it would close the connection instead.
        if index >= len(self.paths):
            raise ValueError(b"no such message")
        return self.paths[index]

    def listMessages(self, index=None):
        if index is None:
            return [self.listMessages(each) for each in range(len(self.paths))]
        path = self.path(index)
        return 0 if index in self.deleted else os.path.getsize(path)

    def getMessage(self, index):
        return open(self.path(index), "rb")

    def getUidl(self, index):
        return md5(os.path.basename(self.path(index)).encode()).hexdigest().encode()

    def deleteMessage(self, index):
        self.path(index)
        self.deleted.add(index)

    def undeleteMessages(self):
        self.deleted.clear()

    def sync(self):
        for index in self.deleted:
            os.unlink(self.paths[index])


@implementer(portal.IRealm)
class Realm:
    def requestAvatar(self, avatarId, mind, *interfaces):
        return pop3.IMailbox, Maildrop(users[avatarId.decode()]["maildir"]), lambda: None


class Session(pop3.POP3):
    def connectionMade(self):
        self.portal = portal.Portal(Realm(), [passwords])
        super().connectionMade()


with open(sys.argv[1]) as file:
    configuration = json.load(file)
users = configuration["users"]
passwords = checkers.InMemoryUsernamePasswordDatabaseDontUse()
for name, user in users.items():
    passwords.addUser(name.encode(), user["password"].encode())
with open(configuration["certificate"], "rb") as certificate, open(configuration["key"], "rb") as key:
    options = ssl.CertificateOptions(
        certificate=crypto.load_certificate(crypto.FILETYPE_PEM, certificate.read()),
        privateKey=crypto.load_privatekey(crypto.FILETYPE_PEM, key.read()),
    )
sessions = protocol.ServerFactory.forProtocol(Session)
reactor.listenTCP(configuration["port"], sessions, interface="127.0.0.1")
reactor.listenSSL(configuration["tlsPort"], sessions, options, interface="127.0.0.1")
reactor.run()
