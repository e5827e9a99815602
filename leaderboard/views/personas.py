import streamlit as st
st.title('personas')
