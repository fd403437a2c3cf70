-- After a pool move somebody names the new pool in the stamp, as the refused start says. What is known of the former pool is no word of
-- the new one: its listings, its misses (one more would delete), and the subjects that it did not know.
CREATE FUNCTION provisioner.forget_former_pool() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM provisioner.listings;
    DELETE FROM provisioner.accounts WHERE state = 'refused';
    UPDATE provisioner.accounts SET missed = 0, missed_at = NULL WHERE missed > 0;
    RETURN NULL;
END
$$;

CREATE TRIGGER stamp_names_another_pool
    AFTER UPDATE OF user_pool_id ON provisioner.stamp
    FOR EACH ROW WHEN (OLD.user_pool_id IS DISTINCT FROM NEW.user_pool_id)
    EXECUTE FUNCTION provisioner.forget_former_pool();
