"""Pages of an alliance: members, participation against the target, masked small groups."""
