//! A column of small values by user, paged so that a room of ten among a million accounts costs ten pages at most.

use crate::users::UserIx;

/// Values a page. A page of one-byte values is one kilobyte: a small room touches few, a full one wastes nothing.
const PAGE: usize = 1024;

/// One small value for every user, `T::default()` where nothing was set.
#[derive(Clone, Debug, Default)]
pub struct Column<T> {
    pages: Vec<Option<Box<[T; PAGE]>>>,
}

impl<T: Copy + Default + PartialEq> Column<T> {
    /// The value of `user`.
    pub fn get(&self, user: UserIx) -> T {
        let (page, slot) = (user.index() / PAGE, user.index() % PAGE);
        self.pages.get(page).and_then(Option::as_ref).map_or_else(T::default, |page| page[slot])
    }

    /// Sets the value of `user` and returns the one before.
    pub fn set(&mut self, user: UserIx, value: T) -> T {
        let (page, slot) = (user.index() / PAGE, user.index() % PAGE);
        if page >= self.pages.len() {
            if value == T::default() {
                return value;
            }
            self.pages.resize_with(page + 1, || None);
        }
        match &mut self.pages[page] {
            Some(page) => std::mem::replace(&mut page[slot], value),
            None if value == T::default() => value,
            empty => {
                empty.get_or_insert_with(|| Box::new([T::default(); PAGE]))[slot] = value;
                T::default()
            }
        }
    }

    /// Every user with another value in the other column.
    pub(crate) fn differences(&self, other: &Self, unlike: &mut impl FnMut(UserIx)) {
        for number in 0..self.pages.len().max(other.pages.len()) {
            let page = |column: &'_ Self| column.pages.get(number).and_then(Option::as_deref).copied();
            let (one, another) = (page(self), page(other));
            if one == another {
                continue;
            }
            let values = |page: Option<[T; PAGE]>| page.unwrap_or([T::default(); PAGE]);
            for (slot, (a, b)) in values(one).iter().zip(&values(another)).enumerate() {
                if a != b {
                    unlike(UserIx::from_index(number * PAGE + slot));
                }
            }
        }
    }

    /// Every user with a value that is not the default, in index order.
    pub fn iter(&self) -> impl Iterator<Item = (UserIx, T)> + '_ {
        let pages = self.pages.iter().enumerate().filter_map(|(number, page)| Some((number, page.as_ref()?)));
        pages.flat_map(|(number, page)| {
            let values = page.iter().enumerate().filter(|(_, value)| **value != T::default());
            values.map(move |(slot, value)| (UserIx::from_index(number * PAGE + slot), *value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_is_read_back_and_listed_in_order() {
        let mut column = Column::<u8>::default();
        assert_eq!(column.set(UserIx::from_index(5000), 3), 0);
        assert_eq!(column.set(UserIx::from_index(2), 1), 0);
        assert_eq!(column.set(UserIx::from_index(5000), 4), 3);
        assert_eq!(column.get(UserIx::from_index(5001)), 0);
        let all: Vec<_> = column.iter().map(|(user, value)| (user.index(), value)).collect();
        assert_eq!(all, [(2, 1), (5000, 4)]);
        let mut other = column.clone();
        other.set(UserIx::from_index(2), 0);
        other.set(UserIx::from_index(9000), 1);
        for (one, another) in [(&column, &other), (&other, &column)] {
            let mut unlike = Vec::new();
            one.differences(another, &mut |user| unlike.push(user.index()));
            assert_eq!(unlike, [2, 9000]);
        }
        column.differences(&column, &mut |_| unreachable!("it is the same"));
    }
}
