import streamlit as st
st.title('replies')
