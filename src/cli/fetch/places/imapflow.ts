// The package imapflow. The build bundles it into a file of its own, so that `npx popwright` needs no further installation.
export { ImapFlow } from "imapflow";
