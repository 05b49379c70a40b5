// Run once by the `mongodb-init` service, and harmless when run again: makes the replica set of
// one node and each service's own user, who sees one database. A new password is taken over.
const users = JSON.parse(fs.readFileSync('/run/secrets/mongodb_users', 'utf8'));
const root = fs.readFileSync('/run/secrets/mongodb_root_password', 'utf8').trim();
const namespace = process.env.PREAU_NAMESPACE || 'preau';

const deadline = Date.now() + 60000;
const until = (what, holds) => {
  for (;;) {
    try {
      if (holds()) return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    if (Date.now() > deadline) throw new Error(`not within 60 s: ${what}`);
    sleep(200);
  }
};

let admin;
// Only on the node itself may a set be initiated, hence one direct connection.
until('the server answers', () => {
  admin = new Mongo('mongodb://mongodb:27017/?directConnection=true').getDB('admin');
  return admin.auth('root', root).ok || true;
});

try {
  admin.adminCommand({ replSetGetStatus: 1 });
} catch (error) {
  if (error.codeName !== 'NotYetInitialized') throw error;
  admin.adminCommand({
    replSetInitiate: { _id: 'rs0', members: [{ _id: 0, host: 'mongodb:27017' }] },
  });
}
until('the node is primary', () => admin.hello().isWritablePrimary);

for (const [service, password] of Object.entries(users)) {
  const roles = [{ role: 'readWrite', db: `${namespace}_${service}` }];
  if (admin.getUser(service)) {
    admin.updateUser(service, { pwd: password, roles });
  } else {
    admin.createUser({ user: service, pwd: password, roles });
  }
}
print('replica set and users are ready');
